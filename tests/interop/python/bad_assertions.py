"""Assertions and messages that must be refused, made by signxml."""

import copy

from lxml import etree
from signxml.algorithms import CanonicalizationMethod

import wrapping
from desk import changed, more_after, public_key, removed, serialised, twice
from rows import expect
from saml_token import PURPOSE, ROLE, SAML, SOAP, WSSE, WSU, XSI, build, coded, moment, security, sign

SENDER_VOUCHES = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"


def cases(rows, desk):
    """All of them."""
    not_trusted(rows, desk)
    not_for_us(rows, desk)
    messages(rows, desk)


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
    rows.case(
        "a role changed after signing",
        refused(lambda: changed(legal(role="nurse"), ".//hl7:Role", code="Medical Doctor")),
    )
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
    rows.case(
        "without AuthnStatement", refused(lambda: desk.sign(removed(build(says()), "saml:AuthnStatement")), token)
    )
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
    rows.case(
        "without organization-id",
        refused(lambda: desk.without("urn:oasis:names:tc:xspa:1.0:subject:organization-id"), token),
    )
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
    rows.case(
        "a known role of another code system",
        refused(lambda: with_code(ROLE, "Role", "roles", system="2.999.99"), token),
    )
    rows.case(
        "a purpose nobody agreed on",
        refused(lambda: with_code(PURPOSE, "PurposeOfUse", "purposes", code="MARKETING"), token),
    )
    home = "urn:ihe:iti:xca:2010:homeCommunityId"
    rows.case("another community than the certificate's", refused(lambda: with_value(home, "urn:oid:2.999.98")))


def messages(rows, desk):
    """The message around the assertion."""
    refused, legal = desk.refused, desk.legal
    rows.case("two assertions", refused(lambda: security(legal(), legal()), {"InvalidSecurity"}))
    rows.case(
        "two Security headers", refused(lambda: desk.message(security(legal()), security(legal())), {"InvalidSecurity"})
    )

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
    genuine, forged = (
        legal(role="nurse", person="saml-nurse"),
        build(desk.facts(role="physician", person="saml-forged")),
    )
    for name, shape in wrapping.ALL.items():
        rows.case(f"signature wrapping: {name}", refused(lambda shape=shape: shape(genuine, forged)))
