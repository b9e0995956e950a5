"""Variants that XML Signature and SAML allow, made by signxml; all must be taken."""

import copy
import re

from lxml import etree

import xmlsec1
from desk import changed, removed, typed_values
from rows import expect
from saml_token import DS, SAML, build, security, sign


def cases(rows, desk):
    """All of them."""
    legal_forms(rows, desk)
    legal_details(rows, desk)


def legal_forms(rows, desk):
    """Variants that XML Signature and SAML allow; all must be taken."""
    taken, legal, says = desk.taken, desk.legal, desk.facts
    rows.case("as SAML shows it", taken(legal))
    rows.case("the default namespace instead of a prefix", taken(lambda: legal(prefix=None)))
    rows.case(
        "the prefix saml2, ds as default namespace", taken(lambda: desk.sign(build(says(prefix="saml2", ds=None))))
    )
    xs = lambda **more: desk.sign(typed_values(build(says())), **more)  # noqa: E731
    rows.case("xsi:type of values by a prefix of the assertion", taken(xs))

    def half_a_list():
        message = etree.tostring(desk.message(security(xs(inclusive=["xs", "xsi"]))))
        valid, _ = xmlsec1.verify(message, desk.door.saml.certificate)
        expect(not valid, "xmlsec1 takes it")
        return message

    rows.case(
        "InclusiveNamespaces, left out of the transform by signxml: no valid signature",
        desk.refused(half_a_list, {"FailedCheck"}),
    )

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


def legal_details(rows, desk):
    """Freedoms in what the signature and the conditions hold."""
    taken, legal, says = desk.taken, desk.legal, desk.facts

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
    rows.case(
        "NameID with Format", taken(lambda: desk.sign(changed(build(says()), "saml:Subject/saml:NameID", **named)))
    )

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
