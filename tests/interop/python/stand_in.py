"""`openssl s_server` in the other network's place: it shows what the broker sends, and sends nothing of use."""

import socket
import subprocess
import sys
import threading

from rows import expect


def free_port():
    """A port that is free now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def reached(world, port, certificate, options, ask):
    """What s_server saw while the broker was asked."""
    keys = world.keys
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(keys / f"{certificate}.pem")]
    command += ["-key", str(keys / f"{certificate}.key.pem"), "-Verify", "1", "-verify_return_error"]
    command += ["-CAfile", str(world.file.folder / "clients" / "okayama-ca.pem"), "-naccept", "1", *options]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    asking = threading.Thread(target=suppressed, args=(ask,), daemon=True)
    watchdog = threading.Timer(25, server.kill)  # when nobody comes
    watchdog.start()
    try:
        while b"ACCEPT" not in server.stdout.readline():
            expect(server.poll() is None, "s_server did not start")
        asking.start()
        return read_until_answered(server)
    finally:
        server.kill()
        server.wait()
        watchdog.cancel()
        if asking.is_alive():
            asking.join(timeout=30)


def read_until_answered(server):
    """Reads what s_server prints; answers a request with 503 so that nobody waits."""
    text = b""
    while chunk := server.stdout.read1(65536):
        text += chunk
        if b"</s:Envelope>" in text or b"</soap" in text:
            server.stdin.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            server.stdin.close()
            break
    return text.decode("utf-8", "replace")


def suppressed(ask):
    """The broker's answer does not matter here."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001
        print(f"while asked: {error}", file=sys.stderr)
