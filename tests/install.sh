#!/usr/bin/env bash
# Installs the foreign programs of the tests by their Debian package names, or says which are
# missing. Asks before it installs outside CI unless YES=1; INTEROP_MISSING=allow goes on without.
set -euo pipefail
declare -A package=([xmlsec1]=xmlsec1 [openssl]=openssl [curl]=curl [promtool]=prometheus
  [rsyslogd]=rsyslog [xmllint]=libxml2-utils [mvn]=maven [jar]=default-jdk-headless
  [python3]=python3 [nginx]=nginx-light [ip]=iproute2 [unshare]=util-linux)
missing=()
# Daemons lie where an ordinary user's PATH may not lead.
PATH="$PATH:/usr/sbin:/sbin"
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
# rsyslog alone speaks no TLS: its driver is a package of its own.
compgen -G '/usr/lib/*/rsyslog/lmnsd_ossl.so' >/dev/null || missing+=(rsyslog-openssl)
# Debian keeps what makes virtual environments apart from python3.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# What Python's and Java's package tools fetch, once, and one after the other: two Mavens that fill one
# empty repository at the same time break it.
fetched() {
  local interop
  interop=$(cd "$(dirname "$0")" && pwd)/interop
  { "$interop/python/setup.sh" && "$interop/ipf/build.sh"; } >/dev/null ||
    [ "${INTEROP_MISSING:-}" = allow ]
}
[ ${#missing[@]} -eq 0 ] && { fetched; exit; }
echo "The tests use programs of these Debian packages that are not here: ${missing[*]}"
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "Install them (apt-get install --no-install-recommends ${missing[*]}), or set INTEROP_MISSING=allow." >&2
  [ "${INTEROP_MISSING:-}" = allow ] && exit 0
  exit 1
fi
if [ "${YES:-}" != 1 ] && [ -t 0 ]; then
  read -r -p "Install them now? [y/N] " answer
  [ "$answer" = y ] || { [ "${INTEROP_MISSING:-}" = allow ] && exit 0; exit 1; }
fi
# prometheus and rsyslog would start themselves: nothing may start while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq || echo "The package lists could not be refreshed; trying with those at hand." >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fetched
