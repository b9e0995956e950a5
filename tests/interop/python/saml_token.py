"""Makes SAML 2.0 assertions of the XUA profile (ITI-40) with lxml, signed by signxml. Knows client.json only."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lxml import etree
from signxml import XMLSigner, methods
from signxml.algorithms import CanonicalizationMethod

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
URI_NAME = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
SUBJECT_ID = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ORGANIZATION = "urn:oasis:names:tc:xspa:1.0:subject:organization"
ORGANIZATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
HOME = "urn:ihe:iti:xca:2010:homeCommunityId"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"


def moment(seconds=0):
    """xs:dateTime in UTC, some seconds from now."""
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass
class Facts:
    """What an assertion says. Every test changes what it needs."""

    issuer: str
    audience: str | None
    recipient: str
    person: str
    attributes: dict
    issued: int = 0
    not_before: int = -1
    not_after: int = 240
    prefix: str | None = "saml"
    ds: str | None = "ds"
    id: str = field(default_factory=lambda: "_" + str(uuid.uuid4()))


def coded(element, code):
    """The hl7 element of a coded attribute value."""
    value = etree.Element(f"{{{HL7}}}{element}", nsmap={"hl7": HL7, "xsi": XSI})
    value.set(f"{{{XSI}}}type", "hl7:CE")
    value.set("code", code.code)
    value.set("codeSystem", code.system)
    value.set("displayName", code.display)
    return value


def facts(file, door, url, role="physician", purpose="TREATMENT", person=None):
    """What a legal assertion says at this door."""
    asker = door.asker
    who = getattr(asker.persons, role)
    attributes = {
        SUBJECT_ID: who.name,
        ORGANIZATION: asker.organization,
        ORGANIZATION_ID: "urn:oid:" + asker.organization_id.removeprefix("urn:oid:"),
        HOME: asker.community,
        ROLE: coded("Role", file.code("roles", role)),
        PURPOSE: coded("PurposeOfUse", file.code("purposes", purpose)),
    }
    return Facts(door.saml.issuer, door.saml.audience, url, person or who.id, attributes)


def build(says):
    """The unsigned assertion, with a place for the signature after Issuer."""
    nsmap = {says.prefix: SAML} if says.prefix else {None: SAML}

    def add(parent, name, text=None, **attributes):
        element = etree.SubElement(parent, f"{{{SAML}}}{name}", **attributes)
        element.text = text
        return element

    root = etree.Element(f"{{{SAML}}}Assertion", nsmap=nsmap)
    root.set("Version", "2.0")
    root.set("ID", says.id)
    root.set("IssueInstant", moment(says.issued))
    add(root, "Issuer", says.issuer)
    etree.SubElement(root, f"{{{DS}}}Signature", Id="placeholder", nsmap={says.ds: DS})
    subject = add(root, "Subject")
    add(subject, "NameID", says.person)
    confirmation = add(subject, "SubjectConfirmation", Method=BEARER)
    data = {"NotOnOrAfter": moment(says.not_after)}
    if says.recipient:
        data["Recipient"] = says.recipient
    add(confirmation, "SubjectConfirmationData", **data)
    conditions = add(root, "Conditions", NotBefore=moment(says.not_before), NotOnOrAfter=moment(says.not_after))
    if says.audience:
        add(add(conditions, "AudienceRestriction"), "Audience", says.audience)
    context = add(add(root, "AuthnStatement", AuthnInstant=moment(says.issued)), "AuthnContext")
    add(context, "AuthnContextClassRef", "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified")
    statement = add(root, "AttributeStatement")
    for name, value in says.attributes.items():
        attribute = add(statement, "Attribute", Name=name, NameFormat=URI_NAME)
        for item in value if isinstance(value, list) else [value]:
            holder = add(attribute, "AttributeValue", item if isinstance(item, str) else None)
            if not isinstance(item, str):
                holder.append(item)
    return root


class Engine(XMLSigner):
    """signxml without its own refusal of SHA-1: the broker's is what is tried."""

    def check_deprecated_methods(self):
        pass


def sign(root, key, certificate, algorithm="ecdsa-sha256", *, digest="sha256", c14n=EXCLUSIVE, inclusive=None):
    """Signed by signxml, as SAML wants it: enveloped, exclusive, by ID."""
    engine = Engine(methods.enveloped, algorithm, digest, c14n)
    (place,) = root.findall(f"{{{DS}}}Signature")
    engine.namespaces = {place.prefix: DS}
    is_mac = algorithm.startswith("hmac")
    return engine.sign(
        root,
        key=key if is_mac else Path(key).read_bytes(),
        cert=Path(certificate).read_text() if certificate else None,
        reference_uri=root.get("ID"),
        id_attribute="ID",
        inclusive_ns_prefixes=inclusive,
    )


def signed(file, door, url, **changes):
    """A legal assertion, signed with the door's key."""
    return sign(build(facts(file, door, url, **changes)), door.saml.key, door.saml.certificate)


def security(*assertions, timestamp=True):
    """wsse:Security with a timestamp and the assertions."""
    header = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    header.set(f"{{{SOAP}}}mustUnderstand", "1")
    if timestamp:
        stamp = etree.SubElement(header, f"{{{WSU}}}Timestamp")
        stamp.set(f"{{{WSU}}}Id", "ts-" + str(uuid.uuid4()))
        etree.SubElement(stamp, f"{{{WSU}}}Created").text = moment()
        etree.SubElement(stamp, f"{{{WSU}}}Expires").text = moment(240)
    for assertion in assertions:
        header.append(assertion)
    return header
