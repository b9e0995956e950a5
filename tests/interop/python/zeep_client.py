"""zeep as an asking gateway: WSDL from the jars, mutual TLS, signed SAML, each answer against its XSD."""

import re
import uuid

import requests
import zeep
from lxml import etree
from requests_toolbelt.multipart.decoder import MultipartDecoder
from zeep.exceptions import Fault
from zeep.plugins import Plugin
from zeep.transports import Transport
from zeep.xsd.types.collection import UnionType

import bodies
import schemas
from client_file import endpoint
from rows import expect
from saml_token import security, signed


def _union_of_unions():
    """zeep 4.3.3 cannot write a value of a union that is made of unions (HL7 V3 class codes are): it makes
    the inner union without its members. The value is a word already, so it is handed on."""
    whole = {name: getattr(UnionType, name) for name in ("xmlvalue", "pythonvalue")}

    def tolerant(name):
        def convert(self, value):
            if self.item_class and issubclass(self.item_class, UnionType):
                return value
            return whole[name](self, value)

        return convert

    for name in whole:
        setattr(UnionType, name, tolerant(name))


_union_of_unions()
WSA = "http://www.w3.org/2005/08/addressing"
ANSWERS = {
    "ITI-55": "urn:hl7-org:v3:PRPA_IN201306UV02:CrossGatewayPatientDiscovery",
    "ITI-38": "urn:ihe:iti:2007:CrossGatewayQueryResponse",
    "ITI-39": "urn:ihe:iti:2007:CrossGatewayRetrieveResponse",
}


class Saml:
    """zeep's place for security: a freshly signed assertion in every message."""

    def __init__(self, make):
        self.make = make

    def apply(self, envelope, headers):
        envelope.find(f"{{{schemas.SOAP}}}Header").insert(0, security(self.make()))
        return envelope, headers

    def verify(self, _envelope):
        """The answers of these transactions carry no security header."""


class Watch(Plugin):
    """Keeps what went out and came back, changes addressing for a case, holds answers against the schema."""

    def __init__(self):
        self.change = None
        self.texts = None
        self.message_id = None
        self.answer = None

    def egress(self, envelope, http_headers, operation, binding_options):
        header = envelope.find(f"{{{schemas.SOAP}}}Header")
        if self.change:
            self.change(header)
        if self.texts:
            bodies.put_texts(envelope, self.texts)
        self.message_id = header.findtext(f"{{{WSA}}}MessageID")
        return envelope, http_headers

    def ingress(self, envelope, http_headers, operation):
        self.answer = envelope
        self.headers = http_headers
        return envelope, http_headers


class Kept(Transport):
    """zeep's transport, which also keeps the last answer as it came."""

    def post_xml(self, address, envelope, headers):
        self.last = super().post_xml(address, envelope, headers)
        return self.last


class Gateway:
    """One transaction at one door."""

    def __init__(self, file, door, transaction, who):
        self.watch = Watch()
        self.transaction = transaction
        self.url = endpoint(file, door, transaction)
        session = requests.Session()
        session.trust_env = False
        session.cert = (door.tls.certificate, door.tls.key)
        session.verify = door.tls.ca
        settings = zeep.Settings(strict=True, xml_huge_tree=False)
        self.client = zeep.Client(
            schemas.wsdl(transaction),
            wsse=Saml(lambda: signed(file, door, self.url, **who)),
            transport=Kept(session=session, timeout=30, operation_timeout=30),
            plugins=[self.watch],
            settings=settings,
        )
        (service,) = self.client.wsdl.services.values()
        (port,) = service.ports.values()
        self.service = self.client.create_service(port.binding.name, self.url)
        self.operation = next(iter(port.binding.all()))

    def ask(self, change=None, **message):
        """Sends; gives zeep's parsed answer after it stood against addressing rules and the schema."""
        self.watch.change = change
        answer = getattr(self.service, self.operation)(**message)
        header = self.watch.answer.find(f"{{{schemas.SOAP}}}Header")
        related = header.findtext(f"{{{WSA}}}RelatesTo")
        expect(related == self.watch.message_id, f"RelatesTo {related} is not the MessageID")
        self._expect_packaging()
        body = schemas.body_of(self.watch.answer)
        faults = schemas.faults_of(body) or schemas.envelope_faults(self.watch.answer)
        expect(not faults, f"the answer is not valid: {faults}")
        return answer

    def _expect_packaging(self):
        """Action of the answer, and a Content-Type that says the charset; MTOM for ITI-39 only."""
        action, content_type = self.action(), self.client.transport.last.headers["Content-Type"]
        expect(action == ANSWERS[self.transaction], f"wsa:Action {action}")
        if self.transaction != "ITI-39":
            rule = r'application/soap\+xml; *charset="?utf-8"?.*'
            expect(re.fullmatch(rule, content_type, re.I), f"Content-Type {content_type}")
            return
        for wanted in (
            "multipart/related",
            'type="application/xop+xml"',
            'start="<',
            'start-info="application/soap+xml',
        ):
            expect(wanted in content_type, f"no {wanted} in Content-Type {content_type}")

    def fault(self, change=None, **message):
        """Sends what must be answered with a fault; gives its codes from outermost in."""
        self.watch.change = change
        try:
            getattr(self.service, self.operation)(**message)
        except Fault as fault:
            faults = schemas.envelope_faults(self.watch.answer)
            expect(not faults, f"the fault is not valid: {faults}")
            codes = [fault.code, *(fault.subcodes or [])]
            return [str(code).rsplit("}", 1)[-1].rsplit(":", 1)[-1] for code in codes]
        expect(False, "it was answered, not refused")

    def parts(self):
        """The last answer's attachments by Content-ID, each byte kept: zeep itself cuts line ends off them."""
        last = self.client.transport.last
        decoder = MultipartDecoder(last.content, last.headers["Content-Type"])
        return [part.content for part in decoder.parts[1:]]

    def action(self):
        """wsa:Action of the last answer."""
        return self.watch.answer.findtext(f".//{{{WSA}}}Action")


def addressed_to(address):
    """Puts a ReplyTo with this address into the header."""

    def change(header):
        reply = etree.SubElement(header, f"{{{WSA}}}ReplyTo")
        etree.SubElement(reply, f"{{{WSA}}}Address").text = address

    return change


def same_message_id(value=None):
    """Gives every message this MessageID."""
    value = value or "urn:uuid:" + str(uuid.uuid4())

    def change(header):
        header.find(f"{{{WSA}}}MessageID").text = value

    return change
