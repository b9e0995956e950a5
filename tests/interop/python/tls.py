"""`openssl s_client` against the TLS profile: versions, suites, client certificates, names, revocation.

A connection counts as accepted when an HTTP answer comes back over it: in TLS 1.3 the client has finished
before the server has looked at its certificate. The alert stands in the detail.
"""

import re
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit

import bodies
from client_file import ClientFile, arguments
from rows import IS_ASKED, Rows, expect
from stand_in import free_port, reached
from world import World
from zeep_client import Gateway

REQUEST = b"GET /nothing-here HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
AEAD_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
AEAD_1_2 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
NOT_AEAD = {
    "CBC with SHA-1": "ECDHE-ECDSA-AES128-SHA",
    "CBC with SHA-256": "ECDHE-ECDSA-AES128-SHA256",
    "key exchange without forward secrecy": "AES128-GCM-SHA256",
    "finite-field Diffie-Hellman": "DHE-RSA-AES128-GCM-SHA256",
}
# RFC 8446 D.2: a server that knows only newer versions aborts with protocol_version. rustls misses the
# signature_algorithms extension first, which a hello of that age has not, and says handshake_failure.
OLD = "handshake failure|protocol version"
OTHER_ALERT = "refused, with another alert than RFC 8446 D.2 names (rustls)"


@dataclass
class Seen:
    """What s_client saw."""

    answered: bool
    alert: str
    protocol: str
    cipher: str
    text: str

    def detail(self):
        """For the row."""
        said = f"{self.protocol} {self.cipher}" if self.answered else self.alert or "closed without alert"
        return said.strip()


def connect(tls, url, *options, certificate=True, stdin=REQUEST, trust=True):
    """One connection."""
    host = urlsplit(url)
    command = ["openssl", "s_client", "-connect", f"{host.hostname}:{host.port}", "-ign_eof", "-nocommands"]
    if trust:
        command += ["-CAfile", tls.ca, "-verify_return_error", "-verify_ip", host.hostname]
    if certificate:
        command += ["-cert", tls.certificate, "-key", tls.key]
    ended = subprocess.run([*command, *options], input=stdin, capture_output=True, timeout=30, check=False)
    text = (ended.stdout + ended.stderr).decode("utf-8", "replace")
    alert = re.findall(r"alert ([a-z0-9 ]+?):|SSL alert number (\d+)", text)
    verify = re.search(r"verify error:num=\d+:([^\n]+)", text)
    words = [word or f"number {number}" for word, number in alert] + ([verify[1]] if verify else [])
    found = re.search(r"New, (\S+), Cipher is (\S+)", text)
    protocol, cipher = found.groups() if found else ("", "")
    return Seen("HTTP/1.1 " in text, ", ".join(dict.fromkeys(words)), protocol, cipher, text)


def accepted(*args, **options):
    """A judge: an answer must come back."""

    def judge():
        seen = connect(*args, **options)
        expect(seen.answered, f"no answer: {seen.detail()}")
        return seen.detail()

    return judge


def refused(*args, alert=None, **options):
    """A judge: nothing may come back, and where the standard names the alert, that one."""

    def judge():
        seen = connect(*args, **options)
        expect(not seen.answered, f"it was answered: {seen.detail()}")
        if alert:
            expect(re.search(alert, seen.alert), f"{seen.detail()}, not {alert}")
        return seen.detail()

    return judge


def version_cases(rows, door):
    """Versions and suites of a listener none of whose peers may speak 1.2."""
    tls, url = door.tls, door.endpoints.document_query
    for suite in AEAD_1_3:
        rows.case(f"TLS 1.3 with {suite}", accepted(tls, url, "-tls1_3", "-ciphersuites", suite))
    rows.case("TLS 1.2 is refused when no peer may speak it", refused(tls, url, "-tls1_2", alert="protocol version"))
    weak = ("-cipher", "DEFAULT:@SECLEVEL=0")
    rows.case("TLS 1.1 is refused", refused(tls, url, "-tls1_1", *weak, alert=OLD), verdict=OTHER_ALERT)
    rows.case("TLS 1.0 is refused", refused(tls, url, "-tls1", *weak, alert=OLD), verdict=OTHER_ALERT)
    for group in ("X25519", "P-256", "P-384"):
        rows.case(f"key exchange over {group}", accepted(tls, url, "-tls1_3", "-groups", group))
    rows.case("the server's certificate names localhost", accepted(tls, url, "-verify_hostname", "localhost"))
    rows.case(
        "the server's certificate names nothing else",
        refused(tls, url, "-verify_hostname", "elsewhere.example", alert="[Hh]ostname mismatch"),
    )


def other_side_cases(rows, file):
    """Certificates of the demo itself, shown at the wrong door."""
    gateway, portal = file.door("okayama", "gateway"), file.door("okayama", "portal")
    for name, door in (("", gateway), (" at the portal side", portal)):
        none = refused(door.tls, door.endpoints.document_query, certificate=False, alert="certificate required")
        rows.case(f"no client certificate{name}", none)

    def crossed(shown, at):
        own, other = (gateway, portal) if at == "peer" else (portal, gateway)
        files = type(own.tls)(**{**vars(own.tls), "certificate": other.tls.certificate, "key": other.tls.key})
        return refused(files, own.endpoints.document_query)

    rows.case("a portal's certificate at the peer side", crossed("portal", "peer"))
    rows.case("a gateway's certificate at the portal side", crossed("gateway", "portal"))
    foreign = file.door("hiroshima", "gateway")
    files = type(gateway.tls)(**{**vars(gateway.tls), "certificate": foreign.tls.certificate, "key": foreign.tls.key})
    rows.case(
        "the broker's own gateway certificate at its own peer side", refused(files, gateway.endpoints.document_query)
    )


def certificate_cases(rows, world, version):
    """Client certificates of an authority whose key we have."""
    said = {"-tls1_3": "TLS 1.3", "-tls1_2": "TLS 1.2"}[version]
    url = world.door().endpoints.document_query

    def shown(name):
        return world.door(certificate=name).tls

    rows.case(f"a certificate of the peer ({said})", accepted(shown("good"), url, version))
    rows.case(f"a revoked certificate ({said})", refused(shown("revoked"), url, version, alert="revoked"))
    rows.case(f"an expired certificate ({said})", refused(shown("expired"), url, version, alert="expired"))
    rows.case(f"a certificate not yet valid ({said})", refused(shown("early"), url, version))
    rows.case(
        f"a certificate of an issuer with the same name and another key ({said})",
        refused(shown("foreign"), url, version, alert="unknown CA|decrypt error|bad certificate"),
    )
    rows.case(f"a server's certificate shown as a client's ({said})", refused(shown("server-usage"), url, version))
    rows.case(f"the right authority, another community ({said})", refused(shown("nobody"), url, version))
    rows.case(f"the right authority, no URI ({said})", refused(shown("no-name"), url, version))


def tls12_cases(rows, world):
    """A listener one of whose peers may speak 1.2."""
    tls, url = world.door().tls, world.door().endpoints.document_query
    for suite in AEAD_1_2:
        rows.case(f"TLS 1.2 with {suite}", accepted(tls, url, "-tls1_2", "-cipher", suite))
    for name, suite in NOT_AEAD.items():
        case = refused(tls, url, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0", alert="handshake failure")
        rows.case(f"TLS 1.2 is refused for {name}", case)
    weak = ("-cipher", "DEFAULT:@SECLEVEL=0")
    old = refused(tls, url, "-tls1_1", *weak, alert=OLD)
    rows.case("TLS 1.1 is refused where 1.2 is allowed", old, verdict=OTHER_ALERT)
    rows.case("no client certificate (TLS 1.2)", refused(tls, url, "-tls1_2", certificate=False))
    portal = world.door("portal")
    rows.case(
        "TLS 1.2 at the portal side, whose peers may not speak it",
        refused(portal.tls, portal.endpoints.document_query, "-tls1_2", alert="protocol version"),
    )

    def resumed():
        seen = connect(tls, url, "-tls1_2", "-reconnect", stdin=b"")
        expect("Reused, " not in seen.text, "a TLS 1.2 session was resumed")
        expect(seen.text.count("New, TLSv1.2") >= 2, "it was not connected again")

    def renegotiated():
        command = ["openssl", "s_client", "-connect", f"{urlsplit(url).hostname}:{urlsplit(url).port}", "-tls1_2"]
        command += ["-cert", tls.certificate, "-key", tls.key]
        ended = subprocess.run(command, input=b"R\n", capture_output=True, timeout=30, check=False)
        text = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        expect("RENEGOTIATING" in text, "s_client did not try")
        expect("no renegotiation" in text, "no alert against it")

    rows.case("no TLS 1.2 session is resumed", resumed)
    rows.case("renegotiation is refused", renegotiated)


SERVED = {
    "peer-server": ("the other network's server, named as its URL", True),
    "misnamed-server": ("a server with another name", False),
    "nameless-server": ("a server without names", False),
    "expired-server": ("a server whose certificate has run out", False),
    "revoked-server": ("a server whose certificate is revoked", False),
    "foreign-server": ("a server of an issuer with the same name and another key", False),
    "client-usage-server": ("a client's certificate shown as a server's", False),
}


def server_cases(rows, kakehashi):
    """`openssl s_server` in the other network's place: whom does the broker send a request to?"""
    port = free_port()
    with World(kakehashi, peer_port=port) as world:
        door = world.door("portal")
        document = door.examples.match.document

        def ask():
            gateway = Gateway(world.file, door, "ITI-39", {"person": "tls-1"})
            return gateway.ask(**bodies.retrieve(document))

        def served(certificate, arrives, *options):
            def judge():
                text = reached(world, port, certificate, options, ask)
                got = "POST /xca/" in text
                expect(got == arrives, "a request arrived" if got else "no request arrived")
                if arrives:
                    expect("okayama" in text.lower() and "gateway" in text, "no client certificate was shown")
                return ", ".join(dict.fromkeys(re.findall(r"alert ([a-z ]+?):", text)))

            return judge

        for certificate, (case, arrives) in SERVED.items():
            rows.case(case, served(certificate, arrives), direction=IS_ASKED)
        rows.case("a server that speaks TLS 1.2 only", served("peer-server", False, "-tls1_2"), direction=IS_ASKED)


def main():
    args = arguments(__doc__)
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    rows = Rows(f"openssl {version}", "TLS")
    file = ClientFile(args.client)
    version_cases(rows, file.door("okayama", "gateway"))
    other_side_cases(rows, file)
    with World(args.kakehashi, allow_tls12=True) as world:
        certificate_cases(rows, world, "-tls1_3")
        certificate_cases(rows, world, "-tls1_2")
        tls12_cases(rows, world)
    server_cases(rows, args.kakehashi)
    rows.exit()


if __name__ == "__main__":
    main()
