"""SAML assertions both ways: signxml and xmlsec1 sign what Kakehashi must take and must refuse, and verify
what Kakehashi signs. Requests are FindDocuments (ITI-38) of the patient who is found."""

import copy
import json
import subprocess

from lxml import etree

import bad_assertions
import good_assertions
import sent
import xmlsec1
from client_file import ClientFile, arguments
from desk import Desk, removed, serialised, typed_values
from rows import Rows, expect, named
from saml_token import DS, SAML, build, security
from world import World

ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


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
    rows.case(
        "InclusiveNamespaces for the prefix of xsi:type", desk.taken(lambda: signed(typed_values, prefixes="xs xsi"))
    )
    rows.case("a reference to the whole document", desk.refused(lambda: signed(uri="")))
    sha1 = DS + "sha1"
    rows.case("SHA-1 as digest", desk.refused(lambda: signed(digest=sha1)))
    rows.case(
        "changed after signing", desk.refused(lambda: signed(after=lambda made: made.replace(b"saml-1", b"saml-2")))
    )


def own_broker(rows, args, program):
    """What needs another configuration than the demo's: RSA keys, a second client certificate."""
    with World(args.kakehashi, signers=("hiroshima-idp", "rsa-idp")) as world:
        desk = Desk(world.file, world.door())
        rsa = Desk(world.file, world.door())
        rsa.door.saml.key, rsa.door.saml.certificate = (str(world.keys / f"rsa-idp{end}.pem") for end in (".key", ""))
        says = lambda: build(rsa.facts())  # noqa: E731
        for bits in (256, 384, 512):
            method = f"rsa-sha{bits}"
            rows.case(
                f"an RSA-2048 signer: {method}", rsa.taken(lambda method=method: rsa.sign(says(), algorithm=method))
            )
        rows.case(
            "two signers in the file, the EC one, no KeyInfo",
            desk.taken(lambda: removed(desk.legal(), "ds:Signature/ds:KeyInfo")),
        )
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
    good_assertions.cases(rows, desk)
    bad_assertions.cases(rows, desk)
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
