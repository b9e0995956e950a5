#!/bin/sh
# Checks the Prometheus rules with promtool and the dashboard as JSON. promtool comes with Debian's
# `prometheus`, which also starts services: install it with --no-install-recommends and a
# /usr/sbin/policy-rc.d that answers 101. Missing programs are named and skipped, except in CI.
set -eu
cd "$(dirname "$0")"
missing() {
    echo "skipped: $1 is not installed" >&2
    if [ -n "${CI:-}" ]; then exit 1; fi
}
if command -v promtool >/dev/null 2>&1; then
    promtool check rules alerts.yml
else
    missing promtool
fi
if command -v python3 >/dev/null 2>&1; then
    python3 -m json.tool overview.json >/dev/null && echo "overview.json: JSON"
else
    missing python3
fi
