"""SOAP 1.2 by hand, for messages that no well-behaved stack would write: envelope, post, fault."""

import uuid
from dataclasses import dataclass

import requests
from lxml import etree

import bodies
from saml_token import SOAP

WSA = "http://www.w3.org/2005/08/addressing"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
ANONYMOUS = f"{WSA}/anonymous"
WSSE_FAULTS = {
    "InvalidSecurity",
    "InvalidSecurityToken",
    "FailedAuthentication",
    "FailedCheck",
    "SecurityTokenUnavailable",
    "UnsupportedSecurityToken",
    "MessageExpired",
}


def find_documents(patient):
    """The AdhocQueryRequest of FindDocuments, by hand."""
    nsmap = {"query": QUERY, "rim": bodies.RIM}
    request = etree.Element(f"{{{QUERY}}}AdhocQueryRequest", nsmap=nsmap)
    option = etree.SubElement(request, f"{{{QUERY}}}ResponseOption", returnType="LeafClass")
    option.set("returnComposedObjects", "true")
    query = etree.SubElement(request, f"{{{bodies.RIM}}}AdhocQuery", id=bodies.FIND_DOCUMENTS)
    for name, value in bodies.find_documents(patient).items():
        slot = etree.SubElement(query, f"{{{bodies.RIM}}}Slot", name=name)
        values = etree.SubElement(slot, f"{{{bodies.RIM}}}ValueList")
        etree.SubElement(values, f"{{{bodies.RIM}}}Value").text = value
    return request


def envelope(url, action, body, *security):
    """An envelope with addressing; the security headers first, as most stacks write them."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "wsa": WSA})
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    header.extend(security)
    etree.SubElement(header, f"{{{WSA}}}Action").text = action
    etree.SubElement(header, f"{{{WSA}}}MessageID").text = "urn:uuid:" + str(uuid.uuid4())
    etree.SubElement(header, f"{{{WSA}}}To").text = url
    reply = etree.SubElement(header, f"{{{WSA}}}ReplyTo")
    etree.SubElement(reply, f"{{{WSA}}}Address").text = ANONYMOUS
    etree.SubElement(root, f"{{{SOAP}}}Body").append(body)
    return root


@dataclass
class Answer:
    """What came back."""

    status: int
    body: etree._Element

    @property
    def codes(self):
        """Fault codes from outermost in, without prefix; empty when it is no fault."""
        if self.body.tag != f"{{{SOAP}}}Fault":
            return []
        values = self.body.find(f"{{{SOAP}}}Code").iter(f"{{{SOAP}}}Value")
        return [value.text.rsplit(":", 1)[-1] for value in values]

    @property
    def reason(self):
        """The fault's text."""
        return self.body.findtext(f".//{{{SOAP}}}Text") or ""

    @property
    def entries(self):
        """ExtrinsicObjects of an ITI-38 answer."""
        return list(self.body.iter(f"{{{bodies.RIM}}}ExtrinsicObject"))


def post(tls, url, action, message):
    """Sends an envelope (bytes, or an element written as it is)."""
    data = message if isinstance(message, bytes) else etree.tostring(message, encoding="UTF-8", xml_declaration=True)
    headers = {"Content-Type": f'application/soap+xml; charset=UTF-8; action="{action}"'}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            url, data=data, headers=headers, cert=(tls.certificate, tls.key), verify=tls.ca, timeout=30
        )
    root = etree.fromstring(answer.content)
    (body,) = root.find(f"{{{SOAP}}}Body")
    return Answer(answer.status_code, body)
