"""A broker of the tests' own: a demo folder laid out afresh, in which the other network's authority is one
whose key we have. So a certificate can be revoked, run out, or belong to nobody, and the other network's
place can be taken by a server of ours. What an operator may write into the files is all that is changed."""

import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pki
from client_file import ClientFile

OTHER = "urn:oid:2.999.34"


class World:
    """`okayama` served from a folder of our own; use as a context."""

    def __init__(self, kakehashi, *, allow_tls12=False, signers=("hiroshima-idp",), peer_port=None):
        if not kakehashi:
            raise SystemExit("these cases need the program: --kakehashi target/release/kakehashi")
        self.kakehashi = str(kakehashi)
        self.folder = Path(tempfile.mkdtemp(prefix="kk-"))
        self.options = (allow_tls12, signers, peer_port)
        self.process = None

    def __enter__(self):
        try:
            demo = [self.kakehashi, "demo", "--folder", str(self.folder / "d")]
            subprocess.run(demo, check=True, stdout=subprocess.DEVNULL, timeout=120)
            self.file = ClientFile(self.folder / "d" / "client.json")
            self.side = self.folder / "d" / "okayama"
            self.keys = self.folder / "keys"
            self.keys.mkdir(mode=0o700)
            self._trust()
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _trust(self):
        self._certificates()
        self._peer_file()

    def _certificates(self):
        certs = self.side / "certs"
        self.authority = pki.Authority("test: the other network")
        issue = self.authority.issue
        issue(self.keys, "good", uri=OTHER)
        issue(self.keys, "second", uri=OTHER)
        issue(self.keys, "nobody", uri="urn:oid:2.999.77")
        issue(self.keys, "no-name")
        issue(self.keys, "server-usage", uri=OTHER, usage="server")
        past = {"start": pki.NOW - 9 * pki.DAY, "end": pki.NOW - pki.DAY}
        issue(self.keys, "expired", uri=OTHER, **past)
        issue(self.keys, "early", uri=OTHER, start=pki.NOW + pki.DAY, end=pki.NOW + 2 * pki.DAY)
        revoked = issue(self.keys, "revoked", uri=OTHER)
        self.authority.revoke(revoked)
        here = ("127.0.0.1", "localhost")
        issue(self.keys, "peer-server", hosts=here, usage="server")
        issue(self.keys, "misnamed-server", hosts=("elsewhere.example",), usage="server")
        issue(self.keys, "nameless-server", usage="server")
        issue(self.keys, "expired-server", hosts=here, usage="server", **past)
        self.authority.revoke(issue(self.keys, "revoked-server", hosts=here, usage="server"))
        issue(self.keys, "client-usage-server", hosts=here, usage="client")
        pki.Authority("test: the other network").issue(self.keys, "foreign-server", hosts=here, usage="server")
        issue(self.keys, "rsa-idp", kind="rsa", usage="signing")
        shutil.copy(self.keys / "rsa-idp.pem", certs)
        pki.Authority("test: the other network").issue(self.keys, "foreign", uri=OTHER)
        self.authority.write(certs, "hiroshima-ca")

    def _peer_file(self):
        allow_tls12, signers, peer_port = self.options
        peer = self.side / "peers" / "hiroshima.toml"
        text = peer.read_text(encoding="utf-8")
        names = ", ".join(f'"{signer}"' for signer in signers)
        text = re.sub(r"^signer .*$", f"signer = [{names}]", text, count=1, flags=re.M)
        if allow_tls12:
            text = text.replace("[tls]\n", "[tls]\nallow_tls12 = true\n", 1)
        if peer_port:
            text = re.sub(r"https://127\.0\.0\.1:\d+/", f"https://127.0.0.1:{peer_port}/", text)
            text += "\n[breaker]\nfailures = 1000\n"
        peer.write_text(text, encoding="utf-8")

    def _serve(self):
        log = (self.folder / "broker.log").open("wb")
        command = [self.kakehashi, "serve", "--config", str(self.side / "kakehashi.toml")]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        ready = self.file.data.sides.okayama.admin + "/readyz"
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(ready, timeout=2)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError("the broker did not come up: " + (self.folder / "broker.log").read_text()[-800:])

    def door(self, name="gateway", certificate="good"):
        """A door of our broker; at the gateway's our own certificate is shown."""
        door = self.file.door("okayama", name)
        if name == "gateway":
            door.tls.certificate = str(self.keys / f"{certificate}.pem")
            door.tls.key = str(self.keys / f"{certificate}.key.pem")
        return door

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
