"""SAML assertions both ways: signxml and xmlsec1 sign what Kakehashi must take and must refuse, and verify
what Kakehashi signs. Requests are FindDocuments (ITI-38) of the patient who is found."""

import copy
import json
import re
import subprocess

from lxml import etree
from signxml.algorithms import CanonicalizationMethod

import sent
import soap
import wrapping
import xmlsec1
from client_file import ClientFile, arguments, endpoint
from rows import Rows, expect, named
from saml_token import DS, HL7, PURPOSE, ROLE, SAML, SOAP, WSSE, WSU, XSI, build, coded, facts, moment, security, sign
from world import World

DENIED = {"InvalidSecurity", "InvalidSecurityToken", "FailedAuthentication", "FailedCheck"}
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SENDER_VOUCHES = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
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


def legal_forms(rows, desk):
    """Variants that XML Signature and SAML allow; all must be taken."""
    taken, legal, says = desk.taken, desk.legal, desk.facts
    rows.case("as SAML shows it", taken(legal))
    rows.case("the default namespace instead of a prefix", taken(lambda: legal(prefix=None)))
    rows.case("the prefix saml2, ds as default namespace", taken(lambda: desk.sign(build(says(prefix="saml2", ds=None)))))
    xs = lambda **more: desk.sign(typed_values(build(says())), **more)  # noqa: E731
    rows.case("xsi:type of values by a prefix of the assertion", taken(xs))

    def half_a_list():
        message = etree.tostring(desk.message(security(xs(inclusive=["xs", "xsi"]))))
        valid, _ = xmlsec1.verify(message, desk.door.saml.certificate)
        expect(not valid, "xmlsec1 takes it")
        return message

    rows.case("InclusiveNamespaces, left out of the transform by signxml: no valid signature", desk.refused(half_a_list, {"FailedCheck"}))

    def turned_round():
        root = build(says())
        statement = root.find(f"{{{SAML}}}AttributeStatement")
        statement[:] = list(reversed(statement))
        return desk.sign(root)

    rows.case("attributes in another order", taken(turned_round))

    def two_statements():
        root = build(says())
        statement = root.find(f"{{{SAML}}}AttributeStatement")
        second = etree.SubElement(root, statement.tag)
        second[:] = statement[3:]
        return desk.sign(root)

    rows.case("two AttributeStatements", taken(two_statements))

    def indented():
        root = build(says())
        etree.indent(root)
        return desk.sign(root)

    rows.case("indented before it was signed", taken(indented))

    def carriage_returns():
        root = legal()
        for path in ("SignatureValue", "X509Certificate"):
            element = root.find(f".//{{{DS}}}{path}")
            element.text = re.sub(r"(.{60})", "\\1\r\n", re.sub(r"\s", "", element.text))
        return root

    rows.case("base64 with carriage returns, as Java writes it", taken(carriage_returns))
    rows.case("without KeyInfo", taken(lambda: removed(legal(), "ds:Signature/ds:KeyInfo")))
    value_only = lambda: sign(build(says()), desk.door.saml.key, None)  # noqa: E731
    rows.case("KeyInfo with KeyValue only", taken(value_only))
    rows.case("SHA-512 as digest", taken(lambda: desk.sign(build(says()), digest="sha512")))
    named = {"Format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"}
    rows.case("NameID with Format", taken(lambda: desk.sign(changed(build(says()), "saml:Subject/saml:NameID", **named))))

    def audiences():
        root = build(says())
        restriction = root.find(f".//{{{SAML}}}AudienceRestriction")
        other = etree.Element(f"{{{SAML}}}Audience")
        other.text = "urn:oid:2.999.98"
        restriction.insert(0, other)
        return desk.sign(root)

    rows.case("several audiences, one of them ours", taken(audiences))
    rows.case("no Recipient", taken(lambda: legal(recipient=None)))
    rows.case("no wsu:Timestamp", taken(lambda: security(legal(), timestamp=False)))

    def late():
        header = security(legal())
        header.append(header[0])
        return header

    rows.case("the Timestamp behind the assertion", taken(late))

    def again():
        root = legal()
        for _ in range(2):
            desk.taken(lambda: copy.deepcopy(root))()

    rows.case("one assertion for two messages of one client", again)


def not_trusted(rows, desk):
    """Signatures that must not hold."""
    refused, legal, says = desk.refused, desk.legal, desk.facts
    other = desk.file.door("hiroshima", "gateway").saml
    rows.case("no Security header", refused(lambda: desk.message(), {"SecurityTokenUnavailable"}))
    rows.case("a Security header without assertion", refused(lambda: security(), {"SecurityTokenUnavailable"}))
    rows.case("no signature", refused(lambda: removed(build(says()), "ds:Signature")))
    rows.case("another signer", refused(lambda: sign(build(says()), other.key, other.certificate)))

    def other_key_our_certificate():
        return sign(build(says()), other.key, desk.door.saml.certificate)

    rows.case("another signer who shows the right certificate", refused(other_key_our_certificate))
    rows.case("a role changed after signing", refused(lambda: changed(legal(role="nurse"), ".//hl7:Role", code="Medical Doctor")))
    rows.case("a name changed after signing", refused(lambda: changed(legal(), "saml:Subject/saml:NameID", "saml-2")))
    rows.case("an attribute added after signing", refused(lambda: more_after(legal())))
    rows.case("an issuer nobody knows", refused(lambda: legal(issuer="https://nobody.example/idp")))
    rows.case("an issuer with a slash more", refused(lambda: legal(issuer=desk.door.saml.issuer + "/")))
    public = lambda kind: public_key(desk.door.saml.certificate, kind)  # noqa: E731
    for kind in ("PEM", "DER", "certificate"):
        case = refused(lambda kind=kind: sign(build(says()), public(kind), None, "hmac-sha256"))
        rows.case(f"HMAC with the public key ({kind})", case)
    rows.case("ECDSA with SHA-1", refused(lambda: desk.sign(build(says()), algorithm="ecdsa-sha1", digest="sha1")))
    rows.case("SHA-1 as digest", refused(lambda: desk.sign(build(says()), digest="sha1")))
    inclusive = CanonicalizationMethod.CANONICAL_XML_1_0
    rows.case("inclusive canonicalization", refused(lambda: desk.sign(build(says()), c14n=inclusive)))
    rows.case("a second Reference", refused(lambda: twice(legal(), "ds:Signature/ds:SignedInfo/ds:Reference")))
    rows.case("a second Signature", refused(lambda: twice(legal(), "ds:Signature")))


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


def not_for_us(rows, desk):
    """Signed rightly, but what it says does not do."""
    refused, legal, says = desk.refused, desk.legal, desk.facts
    token = {"InvalidSecurityToken"}
    rows.case("expired", refused(lambda: legal(issued=-900, not_before=-900, not_after=-300), token))
    rows.case("not yet valid", refused(lambda: legal(not_before=600, not_after=900), token))
    rows.case("issued in the future", refused(lambda: legal(issued=600), token))
    rows.case("valid for a week", refused(lambda: legal(not_after=7 * 86400), token))
    rows.case("for another audience", refused(lambda: legal(audience="urn:oid:2.999.98"), token))
    rows.case("without audience", refused(lambda: legal(audience=None), token))
    rows.case("for another recipient", refused(lambda: legal(recipient="https://elsewhere.example/xca/query"), token))
    rows.case("without AuthnStatement", refused(lambda: desk.sign(removed(build(says()), "saml:AuthnStatement")), token))
    vouched = {"Method": SENDER_VOUCHES}
    path = "saml:Subject/saml:SubjectConfirmation"
    rows.case("sender-vouches only", refused(lambda: desk.sign(changed(build(says()), path, **vouched)), token))

    def unknown_condition():
        root = build(says())
        condition = etree.SubElement(root.find(f"{{{SAML}}}Conditions"), f"{{{SAML}}}Condition")
        condition.set(f"{{{XSI}}}type", "x:Moon")
        etree.cleanup_namespaces(root, top_nsmap={"x": "urn:example:moon"}, keep_ns_prefixes=["x"])
        return desk.sign(root)

    rows.case("a condition nobody knows", refused(unknown_condition, token))
    rows.case("without role", refused(lambda: desk.without(ROLE), token))
    rows.case("without purpose of use", refused(lambda: desk.without(PURPOSE), token))
    rows.case("without organization-id", refused(lambda: desk.without("urn:oasis:names:tc:xspa:1.0:subject:organization-id"), token))
    rows.case("without homeCommunityId", refused(lambda: desk.without("urn:ihe:iti:xca:2010:homeCommunityId"), token))

    def with_value(name, value):
        says = desk.facts()
        says.attributes[name] = value
        return desk.sign(build(says))

    def with_code(name, element, listed, **changes):
        code = copy.copy(desk.file.code(listed, {"roles": "physician", "purposes": "TREATMENT"}[listed]))
        for key, value in changes.items():
            setattr(code, key, value)
        return with_value(name, coded(element, code))

    rows.case("a role nobody agreed on", refused(lambda: with_code(ROLE, "Role", "roles", code="Astrologer"), token))
    rows.case("a known role of another code system", refused(lambda: with_code(ROLE, "Role", "roles", system="2.999.99"), token))
    rows.case("a purpose nobody agreed on", refused(lambda: with_code(PURPOSE, "PurposeOfUse", "purposes", code="MARKETING"), token))
    home = "urn:ihe:iti:xca:2010:homeCommunityId"
    rows.case("another community than the certificate's", refused(lambda: with_value(home, "urn:oid:2.999.98")))


def messages(rows, desk):
    """The message around the assertion."""
    refused, legal = desk.refused, desk.legal
    rows.case("two assertions", refused(lambda: security(legal(), legal()), {"InvalidSecurity"}))
    rows.case("two Security headers", refused(lambda: desk.message(security(legal()), security(legal())), {"InvalidSecurity"}))

    def old_timestamp():
        header = security(legal())
        header[0][0].text, header[0][1].text = moment(-1200), moment(-900)
        return header

    rows.case("an expired wsu:Timestamp", refused(old_timestamp, {"MessageExpired"}))

    def foreign_token():
        header = security()
        token = etree.SubElement(header, f"{{{WSSE}}}UsernameToken")
        etree.SubElement(token, f"{{{WSSE}}}Username").text = "saml-1"
        return header

    rows.case("a UsernameToken instead", refused(foreign_token, {"UnsupportedSecurityToken"}))

    def same_id():
        root = legal()
        message = desk.message(security(root))
        message.find(f"{{{SOAP}}}Body").set(f"{{{WSU}}}Id", root.get("ID"))
        return message

    rows.case("the assertion's ID at another element too", refused(same_id))

    def with_dtd():
        change = lambda text: text.replace("?>", '?><!DOCTYPE x [<!ENTITY e "x">]>', 1)  # noqa: E731
        return serialised(desk.message(security(legal())), change)

    def dtd():
        answer = desk.send(with_dtd())
        expect(answer.codes[:1] == ["Sender"] and answer.status == 500, f"{answer.status} {answer.codes}")

    rows.case("a DOCTYPE", dtd)
    genuine, forged = legal(role="nurse", person="saml-nurse"), build(desk.facts(role="physician", person="saml-forged"))
    for name, shape in wrapping.ALL.items():
        rows.case(f"signature wrapping: {name}", refused(lambda shape=shape: shape(genuine, forged)))


def comment_case(rows, desk, args):
    """Exclusive canonicalization drops comments: the value must be read whole, or the message refused."""

    def judge():
        message = desk.message(security(desk.legal(person="saml-whole.evil")))
        answer = desk.send(serialised(message, lambda text: text.replace("saml-whole.evil", "saml-whole<!-- -->.evil")))
        if answer.codes:
            return "refused: " + answer.codes[-1]
        expect(args.kakehashi, "taken; whether it was read whole is seen in the audit log only: --kakehashi")
        config = args.demo / "okayama" / "kakehashi.toml"
        command = [str(args.kakehashi), "audit", "--config", str(config), "search", "--json", "--limit", "5"]
        cut = subprocess.run([*command, "--person", "saml-whole"], capture_output=True, text=True, check=False)
        expect('"saml-whole"' not in cut.stdout, "recorded as the part before the comment")
        found = subprocess.run([*command, "--person", "saml-whole.evil"], capture_output=True, text=True, check=False)
        persons = {json.loads(line)["person"] for line in found.stdout.splitlines() if line.startswith("{")}
        expect(persons == {"saml-whole.evil"}, f"recorded as {persons}")
        return "taken, and recorded whole"

    rows.case("a comment inside NameID does not cut it", judge)


def by_xmlsec1(rows, desk):
    """Signed by xmlsec1 inside the envelope."""
    saml = desk.door.saml

    def signed(before=lambda root: root, after=lambda made: made, **options):
        template = xmlsec1.template(before(build(desk.facts())), ECDSA, **options)
        return after(xmlsec1.sign(desk.message(security(template)), saml.key, saml.certificate))

    rows.case("as SAML shows it", desk.taken(signed))
    rows.case("InclusiveNamespaces", desk.taken(lambda: signed(prefixes="saml hl7 #default")))
    rows.case("InclusiveNamespaces for the prefix of xsi:type", desk.taken(lambda: signed(typed_values, prefixes="xs xsi")))
    rows.case("a reference to the whole document", desk.refused(lambda: signed(uri="")))
    sha1 = DS + "sha1"
    rows.case("SHA-1 as digest", desk.refused(lambda: signed(digest=sha1)))
    rows.case("changed after signing", desk.refused(lambda: signed(after=lambda made: made.replace(b"saml-1", b"saml-2"))))


def own_broker(rows, args, program):
    """What needs another configuration than the demo's: RSA keys, a second client certificate."""
    with World(args.kakehashi, signers=("hiroshima-idp", "rsa-idp")) as world:
        desk = Desk(world.file, world.door())
        rsa = Desk(world.file, world.door())
        rsa.door.saml.key, rsa.door.saml.certificate = (str(world.keys / f"rsa-idp{end}.pem") for end in (".key", ""))
        says = lambda: build(rsa.facts())  # noqa: E731
        for bits in (256, 384, 512):
            method = f"rsa-sha{bits}"
            rows.case(f"an RSA-2048 signer: {method}", rsa.taken(lambda method=method: rsa.sign(says(), algorithm=method)))
        rows.case("two signers in the file, the EC one, no KeyInfo", desk.taken(lambda: removed(desk.legal(), "ds:Signature/ds:KeyInfo")))
        second = lambda: removed(rsa.sign(says(), algorithm="rsa-sha256"), "ds:Signature/ds:KeyInfo")  # noqa: E731
        rows.case("two signers in the file, the RSA one, no KeyInfo", rsa.taken(second))
        rows.case("RSA with SHA-1", rsa.refused(lambda: rsa.sign(says(), algorithm="rsa-sha1", digest="sha1")))
        rows.case("RSA with SHA-1, digest SHA-256", rsa.refused(lambda: rsa.sign(says(), algorithm="rsa-sha1")))
        shown = desk.legal()
        replayed = world.door(certificate="second").tls
        rows.case("a second client of the same peer", desk.taken(desk.legal, replayed))

        def replay():
            desk.taken(lambda: copy.deepcopy(shown))()
            return desk.refused(lambda: copy.deepcopy(shown), tls=replayed)()

        rows.case("an assertion shown again by another TLS client", replay)
        once = build(desk.facts())
        etree.SubElement(once.find(f"{{{SAML}}}Conditions"), f"{{{SAML}}}OneTimeUse")
        once = desk.sign(once)

        def one_time():
            desk.taken(lambda: copy.deepcopy(once))()
            return desk.refused(lambda: copy.deepcopy(once))()

        rows.case("OneTimeUse: the second message is refused", one_time)
        rows.program = program

        def old_rsa():
            template = xmlsec1.template(build(rsa.facts()), DS + "rsa-sha1", digest=DS + "sha1")
            return xmlsec1.sign(rsa.message(security(template)), rsa.door.saml.key, rsa.door.saml.certificate)

        rows.case("RSA with SHA-1", rsa.refused(old_rsa))


def main():
    args = arguments(__doc__)
    file = ClientFile(args.client)
    rows = Rows(named("signxml"), "ITI-40")
    desk = Desk(file, file.door("okayama", "gateway"))
    legal_forms(rows, desk)
    not_trusted(rows, desk)
    not_for_us(rows, desk)
    messages(rows, desk)
    comment_case(rows, desk, args)
    rows.program = xmlsec1.version()
    by_xmlsec1(rows, desk)

    def reasons():
        several = {code: texts for code, texts in desk.reasons.items() if len(texts) > 1}
        expect(not several, f"several texts for one code: {several}")
        return str({code: next(iter(texts)) for code, texts in desk.reasons.items()})

    rows.program = named("signxml")
    rows.case("a refusal tells its code and nothing else", reasons)
    own_broker(rows, args, xmlsec1.version())
    sent.cases(rows, args, file)
    rows.exit()


if __name__ == "__main__":
    main()
