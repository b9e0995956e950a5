"""A door at which assertions are shown, and ways to change an assertion before or after it is signed."""

import copy
import subprocess

from lxml import etree

import soap
from client_file import endpoint
from rows import expect
from saml_token import DS, HL7, SAML, SOAP, WSSE, XSI, build, facts, security, sign

DENIED = {"InvalidSecurity", "InvalidSecurityToken", "FailedAuthentication", "FailedCheck"}
XS = "http://www.w3.org/2001/XMLSchema"


class Desk:
    """A door at which assertions are shown."""

    def __init__(self, file, door, kakehashi=None):
        self.file, self.door = file, door
        self.url = endpoint(file, door, "ITI-38")
        self.action = file.transaction("ITI-38").action
        self.reasons = {}

    def facts(self, **changes):
        """What a legal assertion says, of a person of this program."""
        who = {key: changes.pop(key) for key in ("role", "purpose") if key in changes}
        says = facts(self.file, self.door, self.url, person=changes.pop("person", "saml-1"), **who)
        for name, value in changes.items():
            setattr(says, name, value)
        return says

    def sign(self, root, **options):
        """With the door's key."""
        return sign(root, self.door.saml.key, self.door.saml.certificate, **options)

    def legal(self, **changes):
        """A legal assertion but for the changes."""
        return self.sign(build(self.facts(**changes)))

    def without(self, name):
        """A legal assertion without an attribute."""
        says = self.facts()
        del says.attributes[name]
        return self.sign(build(says))

    def message(self, *headers):
        """The request under these headers."""
        return soap.envelope(self.url, self.action, soap.find_documents(self.door.examples.match.patient), *headers)

    def send(self, message, tls=None):
        """Posts it."""
        return soap.post(tls or self.door.tls, self.url, self.action, message)

    def taken(self, make, tls=None):
        """A judge: what `make` gives (assertion, Security header or bytes) is answered with entries."""

        def judge():
            answer = self.send(self._message(make()), tls)
            expect(not answer.codes, f"refused: {answer.codes} {answer.reason}")
            expect(answer.status == 200 and answer.entries, f"HTTP {answer.status}, {len(answer.entries)} entries")

        return judge

    def refused(self, make, codes=frozenset(DENIED), tls=None):
        """A judge: it is answered with a fault of these codes, which tells nothing else."""

        def judge():
            answer = self.send(self._message(make()), tls)
            expect(answer.codes, f"answered with {len(answer.entries)} entries")
            expect(answer.status == 500, f"HTTP {answer.status}")
            expect(answer.codes[0] == "Sender" and len(answer.codes) > 1, f"codes {answer.codes}")
            expect(answer.codes[1] in codes, f"{answer.codes[1]}, not one of {sorted(codes)}")
            self.reasons.setdefault(answer.codes[1], set()).add(answer.reason)
            return answer.codes[1]

        return judge

    def _message(self, made):
        if isinstance(made, bytes):
            return made
        if made.tag == f"{{{SOAP}}}Envelope":
            return made
        return self.message(made if made.tag == f"{{{WSSE}}}Security" else security(made))


def changed(root, path, text=None, **attributes):
    """An unsigned or signed assertion with one element changed."""
    element = root.find(path, {"saml": SAML, "ds": DS, "hl7": HL7})
    if text is not None:
        element.text = text
    for name, value in attributes.items():
        element.set(name, value)
    return root


def removed(root, path):
    """An assertion without an element."""
    element = root.find(path, {"saml": SAML, "ds": DS})
    element.getparent().remove(element)
    return root


def serialised(message, change):
    """The bytes of an envelope, changed as text."""
    return change(etree.tostring(message, encoding="UTF-8", xml_declaration=True).decode()).encode()


def typed_values(root):
    """xsi:type="xs:string" on the text values, its prefix declared at the assertion only."""
    typed = etree.Element(root.tag, root.attrib, nsmap={**root.nsmap, "xs": XS, "xsi": XSI})
    typed[:] = root[:]
    for value in typed.iter(f"{{{SAML}}}AttributeValue"):
        if not len(value):
            value.set(f"{{{XSI}}}type", "xs:string")
    return typed


def more_after(root):
    """One more organisation."""
    statement = root.find(f"{{{SAML}}}AttributeStatement")
    statement.append(copy.deepcopy(statement[2]))
    return root


def twice(root, path):
    """An element written a second time behind itself."""
    element = root.find(path, {"ds": DS})
    element.addnext(copy.deepcopy(element))
    return root


def public_key(path, kind):
    """What an attacker knows of the signer, as an HMAC key."""
    command = ["openssl", "x509", "-in", path, "-noout", "-pubkey"]
    pem = subprocess.run(command, capture_output=True, check=True).stdout
    if kind == "PEM":
        return pem
    if kind == "certificate":
        with open(path, "rb") as file:
            return file.read()
    command = ["openssl", "pkey", "-pubin", "-outform", "DER"]
    return subprocess.run(command, input=pem, capture_output=True, check=True).stdout
