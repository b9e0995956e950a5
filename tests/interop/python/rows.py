"""One JSON line for each case, as the harness reads them. Only `detail` may differ from run to run."""

import json
import sys
import traceback
from importlib.metadata import version

AS_STANDARD = "as the standard says"
NOT_AS_STANDARD = "not as the standard says"
ASKS_US = "asks us"
IS_ASKED = "is asked"


class Disagreement(Exception):
    """What was seen is not what the standard (or the agreed profile) says."""


def expect(condition, detail):
    """Raises when a case does not hold."""
    if not condition:
        raise Disagreement(detail)


class Rows:
    """The rows of one program; counts what failed."""

    def __init__(self, program, transaction="", direction=ASKS_US):
        self.program = program
        self.transaction = transaction
        self.direction = direction
        self.total = 0
        self.failed = 0

    def case(self, case, judge, *, transaction=None, program=None, direction=None, verdict=AS_STANDARD):
        """Runs one case: `judge` returns a detail, or raises when the case does not hold."""
        try:
            detail, passed = judge() or "", True
        except Disagreement as found:
            detail, passed = str(found), False
        except Exception as error:  # a case must not take the others with it
            detail, passed = f"{type(error).__name__}: {error}", False
            traceback.print_exc(file=sys.stderr)
        row = {
            "program": program or self.program,
            "transaction": transaction or self.transaction,
            "direction": direction or self.direction,
            "case": case,
            "verdict": verdict if passed else NOT_AS_STANDARD,
            "passed": passed,
            "detail": " ".join(str(detail).split())[:600],
        }
        print(json.dumps(row, ensure_ascii=False), flush=True)
        self.total += 1
        self.failed += not passed

    def exit(self):
        """0 when there were rows and all passed."""
        print(f"{self.total - self.failed} passed, {self.failed} failed", file=sys.stderr)
        sys.exit(0 if self.total and not self.failed else 1)


def named(package):
    """A program's name as the rows show it: `zeep 4.3.3`."""
    return f"{package} {version(package)}"
