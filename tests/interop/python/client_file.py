"""Reads client.json (docs/client-json.md): the one thing a foreign client needs to know of the demo."""

import argparse
import copy
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[3]
JARS = ROOT / "target" / "interop" / "jars"


def arguments(about):
    """The arguments all programs share."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--demo", type=Path, help="folder of a kept demo; target/demo when nothing is said")
    parser.add_argument("--client", type=Path, help="its client.json")
    parser.add_argument("--kakehashi", type=Path, help="the program, for cases that need a broker of their own")
    args = parser.parse_args()
    args.demo = args.demo or (args.client.parent if args.client else ROOT / "target" / "demo")
    args.client = args.client or args.demo / "client.json"
    args.kakehashi = args.kakehashi or built()
    return args


def built():
    """The program where cargo or the path has it."""
    for profile in ("release", "debug"):
        path = ROOT / "target" / profile / "kakehashi"
        if path.exists():
            return path
    found = shutil.which("kakehashi")
    return Path(found) if found else None


def namespace(value):
    """JSON objects as attributes; lists stay lists."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key.replace("-", "_"): namespace(item) for key, item in value.items()})
    if isinstance(value, list):
        return [namespace(item) for item in value]
    return value


class ClientFile:
    """client.json with files resolved."""

    def __init__(self, path):
        path = Path(path).resolve()
        self.folder = path.parent
        self.data = namespace(json.loads(path.read_text(encoding="utf-8")))
        if self.data.version != 1:
            raise SystemExit(f"{path}: version {self.data.version} is not known")

    def door(self, side, name):
        """A door of a side, `portal` or `gateway`; a copy, to be changed at will."""
        door = copy.deepcopy(getattr(getattr(self.data.sides, side), name))
        for table, keys in ((door.tls, ("ca", "crl", "certificate", "key")), (door.saml, ("certificate", "key"))):
            for key in keys:
                setattr(table, key, str(self.folder / getattr(table, key)))
        return door

    def transaction(self, name):
        """An entry of `transactions`."""
        return next(entry for entry in self.data.transactions if entry.name == name)

    def code(self, list_name, word):
        """A role or purpose."""
        return next(code for code in getattr(self.data.codes, list_name) if code.word == word)


def endpoint(file, door, transaction):
    """The URL of a transaction at a door."""
    return getattr(door.endpoints, file.transaction(transaction).endpoint)


def bare(oid):
    """An OID without `urn:oid:`."""
    return oid.removeprefix("urn:oid:")
