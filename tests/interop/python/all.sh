#!/usr/bin/env bash
# Runs every program of this folder against a kept demo: all.sh --demo FOLDER [--kakehashi PROGRAM].
# Rows (JSON lines) on standard output; 0 when all passed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/setup.sh" >&2 || exit 1
python=$(cd "$here/../../.." && pwd)/target/interop/venv/bin/python
failed=0
for program in ask_zeep assertions tls ssmix2; do
  echo "== $program" >&2
  "$python" "$here/$program.py" "$@" || failed=1
done
exit "$failed"
