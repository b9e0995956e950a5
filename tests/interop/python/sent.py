"""Kakehashi's own assertions: those `kakehashi ask` prints and those the broker sends to the other network,
verified by xmlsec1 and signxml and held against the XUA profile."""

import re
import subprocess
from datetime import datetime

from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier
from signxml.algorithms import DigestAlgorithm, SignatureMethod

import bodies
import xmlsec1
from client_file import endpoint
from rows import IS_ASKED, expect, named
from saml_token import (
    BEARER,
    HL7,
    HOME,
    ORGANIZATION,
    ORGANIZATION_ID,
    PURPOSE,
    ROLE,
    SAML,
    SOAP,
    SUBJECT_ID,
    WSSE,
    WSU,
)
from stand_in import free_port, reached
from world import World
from zeep_client import Gateway

STRICT = SignatureConfiguration(
    require_x509=True,
    location="./",
    expect_references=1,
    signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
)
PRINTED = {
    "ITI-55": ("find", "--example", "match"),
    "ITI-38": ("list", "--patient"),
    "ITI-39": ("fetch", "--document"),
}


def verified(message, certificate):
    """The one assertion of a message after signxml found it signed by this certificate's key."""
    root = etree.fromstring(message)
    (header,) = root.findall(f"{{{SOAP}}}Header/{{{WSSE}}}Security")
    expect(header.get(f"{{{SOAP}}}mustUnderstand") in ("1", "true"), "Security without mustUnderstand")
    (assertion,) = header.findall(f"{{{SAML}}}Assertion")
    with open(certificate, encoding="utf-8") as file:
        pem = file.read()
    result = XMLVerifier().verify(assertion, x509_cert=pem, id_attribute="ID", expect_config=STRICT)
    signed = result.signed_xml
    expect(signed.get("ID") == assertion.get("ID"), "another element is signed")
    return root, signed


def faults_of(root, assertion, says):
    """What the XUA profile (ITI-40) and SAML core miss; `says` names what the message should say."""
    faults = []
    text = lambda path: assertion.findtext(path, namespaces={"saml": SAML})  # noqa: E731
    children = [etree.QName(child).localname for child in assertion]
    order = ["Issuer", "Signature", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"]
    signature_is_cut = [name for name in order if name != "Signature"]
    if children not in (order, signature_is_cut):
        faults.append(f"children {children}")
    if text("saml:Issuer") != says["issuer"]:
        faults.append("Issuer")
    if text("saml:Conditions/saml:AudienceRestriction/saml:Audience") != says["audience"]:
        faults.append("Audience")
    if says.get("person") and text("saml:Subject/saml:NameID") != says["person"]:
        faults.append("NameID")
    confirmation = assertion.find(f"{{{SAML}}}Subject/{{{SAML}}}SubjectConfirmation")
    data = confirmation.find(f"{{{SAML}}}SubjectConfirmationData")
    if confirmation.get("Method") != BEARER or data.get("Recipient") != says["url"]:
        faults.append("bearer confirmation")
    instant = lambda value: datetime.fromisoformat(value.replace("Z", "+00:00"))  # noqa: E731
    conditions = assertion.find(f"{{{SAML}}}Conditions")
    begin, end = instant(conditions.get("NotBefore")), instant(conditions.get("NotOnOrAfter"))
    if not 0 < (end - begin).total_seconds() <= 300 or instant(data.get("NotOnOrAfter")) > end:
        faults.append(f"valid from {begin} to {end}")
    if assertion.find(f"{{{SAML}}}AuthnStatement/{{{SAML}}}AuthnContext/{{{SAML}}}AuthnContextClassRef") is None:
        faults.append("AuthnContextClassRef")
    stamps = root.findall(f".//{{{WSU}}}Timestamp")
    if len(stamps) != 1 or instant(stamps[0].findtext(f"{{{WSU}}}Created")) > instant(
        stamps[0].findtext(f"{{{WSU}}}Expires")
    ):
        faults.append("Timestamp")
    return faults + attribute_faults(assertion, says["attributes"])


def attribute_faults(assertion, wanted):
    """Each attribute once, with one value: the text, or the code and code system of a coded one."""
    faults = []
    found = {}
    for attribute in assertion.iter(f"{{{SAML}}}Attribute"):
        values = attribute.findall(f"{{{SAML}}}AttributeValue")
        if attribute.get("Name") in found or len(values) != 1:
            faults.append(f"{attribute.get('Name')} more than once")
            continue
        coded = values[0].find("*")
        is_coded = coded is not None and coded.tag.startswith(f"{{{HL7}}}")
        found[attribute.get("Name")] = (coded.get("code"), coded.get("codeSystem")) if is_coded else values[0].text
    for name, value in wanted.items():
        if found.get(name) != value:
            faults.append(f"{name} is {found.get(name)}")
    return faults


def wanted_attributes(file, asker):
    """What a physician's treatment looks like."""
    role, purpose = file.code("roles", "physician"), file.code("purposes", "TREATMENT")
    return {
        SUBJECT_ID: asker.persons.physician.name,
        ORGANIZATION: asker.organization,
        ORGANIZATION_ID: "urn:oid:" + asker.organization_id.removeprefix("urn:oid:"),
        HOME: asker.community,
        ROLE: (role.code, role.system),
        PURPOSE: (purpose.code, purpose.system),
    }


def cases(rows, args, file):
    """Both kinds."""
    printed_cases(rows, args, file)
    broker_cases(rows, args)


def printed_cases(rows, args, file):
    """`kakehashi ask --print-request`."""
    for door_name in ("gateway", "portal"):
        door = file.door("okayama", door_name)
        asker = door.asker
        for transaction, words in PRINTED.items():
            target = {"ITI-38": [door.examples.match.patient], "ITI-39": [document_word(door)]}.get(transaction, [])

            def printed(words=words, target=target, door_name=door_name):
                expect(args.kakehashi, "the program is needed: --kakehashi")
                command = [str(args.kakehashi), "ask", "--client", str(args.client), "--side", "okayama"]
                command += ["--door", door_name, "--print-request", *words, *target]
                return root_part(subprocess.run(command, capture_output=True, check=True).stdout)

            says = {
                "issuer": door.saml.issuer,
                "audience": door.saml.audience,
                "person": asker.persons.physician.id,
                "url": endpoint(file, door, transaction),
                "attributes": wanted_attributes(file, asker),
            }
            pair(rows, f"`kakehashi ask` as {door_name}, {transaction}", printed, door.saml.certificate, says)


def document_word(door):
    """home|repository|unique."""
    document = door.examples.match.document
    return f"{document.home}|{document.repository}|{document.unique}"


def root_part(text):
    """The envelope's bytes, out of a multipart if it is one."""
    found = re.search(rb"<(\w+:)?Envelope.*</(\w+:)?Envelope>", text, re.S)
    return found[0]


def pair(rows, case, make, certificate, says):
    """The same message through both verifiers."""

    def by_xmlsec1():
        valid, said = xmlsec1.verify(make(), certificate)
        expect(valid, said)

    def by_signxml():
        root, assertion = verified(make(), certificate)
        faults = faults_of(root, assertion, says)
        expect(not faults, faults)

    rows.case(f"{case}: the signature holds", by_xmlsec1, program=xmlsec1.version(), direction=IS_ASKED)
    rows.case(f"{case}: signed, and as XUA says", by_signxml, program=named("signxml"), direction=IS_ASKED)


def broker_cases(rows, args):
    """What the broker of Okayama sends to the other network when its portal asks."""
    port = free_port()
    with World(args.kakehashi, peer_port=port) as world:
        door = world.door("portal")
        match = door.examples.match
        asked = {
            "ITI-55": bodies.discovery(door, endpoint(world.file, door, "ITI-55"), match),
            "ITI-38": bodies.stored_query(bodies.FIND_DOCUMENTS, bodies.find_documents(match.patient)),
        }
        certificate = world.side / "certs" / "okayama-idp.pem"
        paths = {"ITI-55": "/xcpd", "ITI-38": "/xca/query"}
        ids = []
        for transaction, message in asked.items():
            caught = capture(world, port, door, transaction, message, match)
            says = {
                "issuer": "https://kakehashi.okayama.example/idp",
                "audience": match.document.home,
                "url": f"https://127.0.0.1:{port}{paths[transaction]}",
                "attributes": wanted_attributes(world.file, door.asker),
            }
            pair(
                rows, f"the broker to the other network, {transaction}", lambda caught=caught: caught, certificate, says
            )
            ids += re.findall(rb'<saml:Assertion[^>]* ID="([^"]+)"', caught)

        def fresh():
            expect(len(set(ids)) == len(asked), f"{len(set(ids))} ids in {len(asked)} messages")

        rows.case("the broker makes an assertion for every message", fresh, direction=IS_ASKED)


def capture(world, port, door, transaction, message, person):
    """The envelope the other network gets while the portal asks; empty when none came."""
    gateway = Gateway(world.file, door, transaction, {"person": "sent-1"})
    gateway.watch.texts = person if transaction == "ITI-55" else None
    text = reached(world, port, "peer-server", (), lambda: gateway.ask(**message))
    found = re.search(r"<s:Envelope.*</s:Envelope>", text, re.S)
    return found[0].encode() if found else b""
