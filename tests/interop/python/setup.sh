#!/usr/bin/env bash
# Makes what the Python side of tests/interop needs, below target/interop: a virtual environment with
# requirements.txt, and the Maven jars whose WSDL and XSD zeep reads. Done already: says so and ends.
# xmlsec1, openssl and maven are Debian packages; they are installed only with YES=1 or in CI.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(cd "$here/../../.." && pwd)/target/interop
version=5.1-20250424
# The last holds the DICOM schema of audit messages.
jars=(ipf-commons-ihe-xds ipf-commons-ihe-hl7v3 ipf-commons-audit)

missing=()
for program in xmlsec1 openssl mvn; do
  command -v "$program" >/dev/null || missing+=("${program/#mvn/maven}")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "${YES:-}" = 1 ] || [ "${CI:-}" = true ]; then
    echo "installing: ${missing[*]} (XML signatures, TLS, fetching jars)"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
  else
    echo "missing: ${missing[*]}; apt-get install ${missing[*]}, or YES=1 $0" >&2
    exit 1
  fi
fi

mkdir -p "$target/jars"
wanted=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [ "$(cat "$target/venv/.requirements" 2>/dev/null || true)" != "$wanted" ]; then
  echo "virtual environment: $target/venv"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
  python3 -m venv --clear "$target/venv"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  echo "$wanted" >"$target/venv/.requirements"
fi

for jar in "${jars[@]}"; do
  if [ ! -s "$target/jars/$jar-$version.jar" ]; then
    echo "jar: $jar $version"
    mvn --batch-mode --quiet dependency:copy -Dartifact="org.openehealth.ipf.commons:$jar:$version" \
      -DoutputDirectory="$target/jars" -Dmdep.useBaseVersion=true
  fi
done
echo "ready: $target"
