#!/usr/bin/env bash
# fuzz/run.sh [READER] [SECONDS]: feeds one reader, or each in turn, with mutated seeds. Works with the
# ordinary compiler: RUSTC_BOOTSTRAP opens the sanitizer switches for this build alone. What is found
# stays in target/fuzz/artifacts; a crash ends with its status.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${2:-${FUZZ_SECONDS:-60}}
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table"
host=$(rustc -vV | sed -n 's/^host: //p')
command -v c++ >/dev/null || { echo 'A C++ compiler is needed for libFuzzer: apt-get install g++' >&2; exit 1; }
# A target of its own, so that these flags touch no ordinary build. Not locked: the main build decides
# on versions, this lock file follows.
cargo build --release --target "$host" --target-dir ../target/fuzz
[ "${1:-}" = build ] && exit 0
binary=../target/fuzz/$host/release/kakehashi-fuzz
readers=$(sed -n 's/^    ("\([a-z0-9_]*\)",.*/\1/p' src/main.rs)
# LeakSanitizer needs ptrace, which containers often refuse.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
for reader in ${1:-$readers}; do
  grep -qx "$reader" <<<"$readers" || { echo "no reader $reader; there are:" $readers >&2; exit 64; }
  found=../target/fuzz/corpus/$reader artifacts=../target/fuzz/artifacts/$reader/
  mkdir -p "$found" "$artifacts"
  seeds=(); [ -d "seeds/$reader" ] && seeds=("seeds/$reader")
  echo "== $reader, $seconds s"
  KAKEHASHI_READER=$reader "$binary" "$found" "${seeds[@]}" -max_total_time="$seconds" -max_len=65536 \
    -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$artifacts" -print_final_stats=1 2>&1 |
    grep -Ev '^(#|INFO|NEW_FUNC|\s*NEW_FUNC)' | grep -E 'stat::(number_of_executed_units|average_exec|peak_rss)|ERROR|SUMMARY|panicked|Test unit|assert' || true
  status=${PIPESTATUS[0]}
  [ "$status" -eq 0 ] || { echo "$reader: a finding lies in $artifacts" >&2; exit 1; }
done
