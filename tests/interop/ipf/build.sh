#!/usr/bin/env bash
# Builds the gateway where its sources are newer than the jar; prints the jar's path.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
jar="$here/target/ipf-gateway.jar"
if [ ! -e "$jar" ] || [ -n "$(find "$here/pom.xml" "$here/src" -newer "$jar" -print -quit)" ]; then
  # At hand first: a Maven that looks for updates takes minutes where the network is slow.
  mvn -q -o -B -f "$here/pom.xml" package >&2 2>/dev/null || mvn -q -B -f "$here/pom.xml" package >&2
  touch "$jar"
fi
echo "$jar"
