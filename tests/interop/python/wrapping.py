"""Signature wrapping: the eight shapes that are known for SAML, put into a WS-Security header. `genuine` is
a nurse's assertion, signed; `forged` says what the attacker would like to be."""

import copy

from lxml import etree

from saml_token import DS, SAML, security

SIGNATURE = f"{{{DS}}}Signature"


def _parts(genuine):
    """The genuine assertion without its signature, and the signature."""
    bare = copy.deepcopy(genuine)
    signature = bare.find(SIGNATURE)
    bare.remove(signature)
    return bare, signature


def _sign_with(forged, signature):
    """The forged assertion with a signature where SAML wants it."""
    forged = copy.deepcopy(forged)
    place = forged.find(SIGNATURE)
    if place is not None:
        forged.remove(place)
    forged.insert(1, signature)
    return forged


def _unsigned(forged):
    forged = copy.deepcopy(forged)
    forged.remove(forged.find(SIGNATURE))
    return forged


def _object(child):
    made = etree.Element(f"{{{DS}}}Object", nsmap={"ds": DS})
    made.append(child)
    return made


def _same_id(forged, genuine):
    forged = copy.deepcopy(forged)
    forged.set("ID", genuine.get("ID"))
    return forged


def one(genuine, forged):
    """The forged one carries the signature; the signature holds the signed original."""
    bare, signature = _parts(genuine)
    signature.append(_object(copy.deepcopy(genuine)))
    return security(_sign_with(forged, signature))


def two(genuine, forged):
    """A detached signature beside the forged one, the original beside both."""
    bare, signature = _parts(genuine)
    return security(_unsigned(forged), signature, bare)


def three(genuine, forged):
    """The forged one before the genuine one."""
    return security(_unsigned(forged), copy.deepcopy(genuine))


def four(genuine, forged):
    """The forged one around the genuine one."""
    outer = _unsigned(forged)
    outer.append(copy.deepcopy(genuine))
    return security(outer)


def five(genuine, forged):
    """The forged one carries the signature; the original stands at the end, unsigned."""
    bare, signature = _parts(genuine)
    return security(_sign_with(forged, signature), bare)


def six(genuine, forged):
    """As the fifth, with the original inside the signature."""
    bare, signature = _parts(genuine)
    signature.append(bare)
    return security(_sign_with(forged, signature))


def seven(genuine, forged):
    """The forged one with the genuine one's ID, inside Extensions, before it."""
    extensions = etree.Element(f"{{{SAML}}}Extensions", nsmap={"saml": SAML})
    extensions.append(_same_id(_unsigned(forged), genuine))
    header = security(copy.deepcopy(genuine))
    header.insert(0, extensions)
    return header


def eight(genuine, forged):
    """The forged one with the genuine one's ID carries the signature; Object holds the original."""
    bare, signature = _parts(genuine)
    signature.append(_object(bare))
    return security(_same_id(_sign_with(forged, signature), genuine))


def in_advice(genuine, forged):
    """The forged one carries the signature and holds the original in Advice."""
    bare, signature = _parts(genuine)
    outer = _sign_with(forged, signature)
    advice = etree.Element(f"{{{SAML}}}Advice", nsmap={"saml": SAML})
    advice.append(bare)
    outer.insert(list(outer).index(outer.find(f"{{{SAML}}}Conditions")) + 1, advice)
    return security(outer)


ALL = {f"XSW{number}": shape for number, shape in enumerate((one, two, three, four, five, six, seven, eight), 1)}
ALL["the original in Advice of the forged one"] = in_advice
