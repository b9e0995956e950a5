#!/usr/bin/env bash
# benches/run.sh: a table of the hot paths. User instructions are counted by the machine (perf) where it
# lets us, else by valgrind; a count of 0 takes the preparation out. Figures compare within one run only.
set -euo pipefail
cd "$(dirname "$0")/.."
build=(cargo bench --locked --bench hot_paths --no-run)
echo 'building (release)...' >&2
binary=${HOT_PATHS:-$("${build[@]}" --message-format=json 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*hot_paths[^"]*\)".*/\1/p' | tail -1)}
[ -n "$binary" ] || { "${build[@]}"; exit 1; }
count_perf() { perf stat -x, -e instructions:u "$@" 2>&1 >/dev/null | sed -n 's/^\([0-9][0-9]*\),.*instructions.*/\1/p'; }
count_valgrind() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
if [ -n "$(count_perf true 2>/dev/null || true)" ]; then count=count_perf; repeats=20
elif command -v valgrind >/dev/null; then count=count_valgrind; repeats=2
else echo 'perf or valgrind is needed (apt-get install linux-perf, or valgrind)' >&2; exit 1; fi
printf '%-26s %14s %10s  %s\n' 'hot path' 'instructions' 'baseline' 'what'
baseline=
while IFS=$'\t' read -r name what; do
  idle=$("$count" "$binary" "$name" 0)
  busy=$("$count" "$binary" "$name" "$repeats")
  each=$(( (busy - idle) / repeats ))
  case $name in xml_events*) baseline=$each ;; query_* | discovery_*) ;; *) baseline= ;; esac
  ratio=-
  [ -z "$baseline" ] || ratio=$(awk -v a="$each" -v b="$baseline" 'BEGIN { printf "%.1f x", a / b }')
  printf '%-26s %14d %10s  %s\n' "$name" "$each" "$ratio" "$what"
done < <("$binary" list)
echo
for word in audit stream; do "$binary" "$word"; done | column -t -s $'\t'
