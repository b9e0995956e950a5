#!/usr/bin/env python3
"""Plays the cases of the peer gateway against one Kakehashi broker, by hand or while developing.

    ./run.py KAKEHASHI [FOLDER] [--served | --asked | --shell]

Lays a demo out in FOLDER (short; default /tmp/kakehashi-ipf), serves Okayama's side only, and lets the Java
program stand in Hiroshima's place. README.md says what each case is.
"""
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PERSON = ["--family", "試験", "--given", "花子", "--kana", "シケン ハナコ", "--birth", "19700101", "--sex", "F",
          "--phone", "082-999-0000"]
PATIENT = "IPF000001^^^&2.999.34.1&ISO"
IDS = [f"2.999.34|2.999.34.19.2|2.999.34.19.3.{n}" for n in (1, 2)]
LARGE = "2.999.34|2.999.34.19.2|2.999.34.19.3.100"
SERVED = ["match", "unknown", "more-attributes", "busy", "partial", "error", "soap-fault", "cut-off", "cut-off-length",
          "wrong-home", "wrong-patient"]
ASKED = {
    "ITI-55": ["match", "withheld", "unknown", "nurse", "emergency", "name-only", "own-id", "by-id"],
    "ITI-38": ["match", "withheld", "unknown", "nurse", "emergency", "get-unique", "get-uuid", "object-ref", "unknown-query",
               "foreign-home", "filtered", "nothing-of-that-class"],
    "ITI-39": ["one", "several", "guessed", "partial", "withheld", "foreign-home", "large"],
}
REFUSED = ["expired", "wrong-audience", "foreign-signer", "altered", "no-assertion", "unknown-role", "no-purpose",
           "other-message-id", "same-message-id", "reply-to", "no-certificate",
           "foreign-certificate"]


class Gateway:
    def __init__(self, folder):
        jar = HERE / "target" / "ipf-gateway.jar"
        log = open(folder / "ipf.log", "w")
        self.process = subprocess.Popen(["java", "-Xmx256m", "-Dfile.encoding=UTF-8", "-jar", jar, "--demo", folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8")
        print(self.process.stdout.readline().strip())

    def do(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def show(name, answer):
    for key in ("entries", "references"):
        if len(answer.get(key, [])) > 1:
            answer[key] = [answer[key][0], f"and {len(answer[key]) - 1} more"]
    print(f"{name:42}", json.dumps(answer, ensure_ascii=False))


def served(gateway, ask):
    def both(case):
        gateway.do(cmd="behave", case=case)
        print(f"── {case}")
        for words in (["find", *PERSON], ["list", "--patient", PATIENT], ["fetch", *sum((["--document", i] for i in IDS), [])]):
            print(f"   {words[0]}: {ask(words)}")
        for one in gateway.do(cmd="seen")["seen"]:
            show("   seen " + one["transaction"], one)

    for case in SERVED:
        both(case)
    gateway.do(cmd="behave", case="slow")
    print("── slow", ask(["find", *PERSON]), ask(["list", "--patient", PATIENT]))
    gateway.do(cmd="behave", case="large")
    print("── large", ask(["list", "--patient", PATIENT]))
    print("── large", ask(["fetch", "--document", LARGE]), gateway.do(cmd="memory"))
    gateway.do(cmd="close")
    print("── closed", ask(["find", *PERSON]), ask(["fetch", "--document", IDS[0]]))
    gateway.do(cmd="open")
    gateway.do(cmd="behave", case="match")
    print("── opened", ask(["find", *PERSON]))


def asked(gateway):
    for transaction, cases in ASKED.items():
        for case in cases + REFUSED:
            show(f"{transaction} {case}", gateway.do(cmd="ask", transaction=transaction, case=case))


def merged(gateway):
    """Okayama's own portal asks: what Okayama makes of our answers, judged by IPF's validators too."""
    documents = [dict(zip(("home", "repository", "unique"), ("urn:oid:" + one).split("|"))) for one in IDS]
    for case in SERVED:
        gateway.do(cmd="behave", case=case)
        for transaction in ("ITI-55", "ITI-38", "ITI-39"):
            show(f"portal, {case}: {transaction}", gateway.do(
                cmd="ask", side="okayama", door="portal", transaction=transaction, patient=PATIENT, documents=documents))
    gateway.do(cmd="behave", case="match")
    gateway.do(cmd="seen")


def selves(gateway):
    """We ask ourselves with Okayama's keys: that we refuse what we must is what makes our `good` worth anything."""
    for case in ["match", *REFUSED]:
        answer = gateway.do(cmd="ask", side="hiroshima", transaction="ITI-55", case=case)
        seen = gateway.do(cmd="seen")["seen"]
        show(f"ourselves {case}", {"verdict": answer.get("verdict", answer), "xua": [one["xua"] for one in seen]})


def put_large(folder):
    """A PDF of 100 MiB beside the discharge summary of `match`, and the leave to take one so large."""
    settings = folder / "okayama/peers/kibi-mirai.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[ssmix2]\n", "[ssmix2]\nfile_bytes_max = 268435456\n"))
    root = folder / "okayama/hospitals/kibi-mirai/extension/3310000001"
    old = next(p for p in root.rglob("*") if p.is_dir() and "_DS01^" in p.name)
    date = "20260928"
    new = old.parents[1].parent / date / old.parent.name / (
        old.name.replace("20260929", date).replace("000000000000008", "000000000000099"))
    new.mkdir(parents=True)
    block = bytes(range(256)) * 4096
    with open(new / "summary.pdf", "wb") as out:
        out.write(b"%PDF-1.7\n".ljust(len(block), b" "))
        for _ in range(99):
            out.write(block)


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    binary, folder = Path(words[0]).resolve(), Path(words[1] if len(words) > 1 else "/tmp/kakehashi-ipf").resolve()
    subprocess.run([binary, "demo", "--folder", folder], check=True, stdout=subprocess.DEVNULL)
    put_large(folder)
    log = open(folder / "serve.log", "w")
    broker = subprocess.Popen([binary, "serve", "--config", folder / "okayama" / "kakehashi.toml"], stdout=log, stderr=log)
    admin = json.loads((folder / "client.json").read_text())["sides"]["okayama"]["admin"]
    for _ in range(100):
        try:
            urllib.request.urlopen(admin + "/readyz", timeout=1).read()
            break
        except OSError:
            time.sleep(0.1)
    gateway = Gateway(folder)

    calls = []

    def ask(what):
        calls.append(what)
        end = ["--out", folder / f"got{len(calls)}"] if what[0] == "fetch" else []
        command = [binary, "ask", "--client", folder / "client.json", "--side", "okayama", *what, *end]
        done = subprocess.run(command, capture_output=True, text=True)
        return f"exit {done.returncode}: " + " / ".join((done.stdout + done.stderr).split("\n")[:8])

    try:
        if "--shell" in sys.argv:
            for line in sys.stdin:
                print(json.dumps(gateway.do(**json.loads(line)), ensure_ascii=False), flush=True)
            return
        if "--asked" not in sys.argv:
            served(gateway, ask)
        if "--served" not in sys.argv:
            asked(gateway)
            merged(gateway)
            selves(gateway)
    finally:
        gateway.process.stdin.close()
        gateway.process.wait()
        broker.terminate()
        broker.wait()


if __name__ == "__main__":
    main()
