#!/usr/bin/env bash
# fuzz/run.sh [READER]: feeds one reader, or each in turn, with mutated seeds: RUNS executions each
# (default 2,000,000), or for FUZZ_SECONDS. Works with the ordinary compiler: RUSTC_BOOTSTRAP opens the
# sanitizer switches for this build alone. Collected samples beside the checkout are further seeds.
# What is found stays in target/fuzz/artifacts; a finding ends with status 1.
set -euo pipefail
cd "$(dirname "$0")"
runs=${RUNS:-2000000}
limit=(-runs="$runs" "-max_total_time=${FUZZ_SECONDS:-0}")
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
readers=$(sed -n 's/^    ("\([a-z0-9_]*\)",.*/\1/p' src/readers/mod.rs)
# LeakSanitizer needs ptrace, which containers often refuse.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
for reader in ${1:-$readers}; do
  grep -qx "$reader" <<<"$readers" || { echo "no reader $reader; there are:" $readers >&2; exit 64; }
  found=../target/fuzz/corpus/$reader artifacts=../target/fuzz/artifacts/$reader/
  mkdir -p "$found" "$artifacts"
  seeds=("seeds/$reader")
  case $reader in
    ebxml_* | hl7v3_* | saml | soap | stored_query | xml) seeds+=(../../shared/corpus/soap) ;;
    er7) seeds+=(../../shared/corpus/ssmix2/kakehashi/odd) ;;
  esac
  for n in "${!seeds[@]}"; do [ -d "${seeds[n]}" ] || unset "seeds[n]"; done
  begun=$SECONDS
  status=0
  KAKEHASHI_READER=$reader "$binary" "$found" "${seeds[@]}" "${limit[@]}" -max_len="${MAX_LEN:-4096}" \
    -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 -dict=words.dict -reload=0 -verbosity=0 \
    -artifact_prefix="$artifacts" -print_final_stats=1 >"$artifacts/log" 2>&1 || status=$?
  stat() { sed -n "s/^stat::$1: *//p" "$artifacts/log" | tail -1; }
  printf '%-20s %9s executions %6s s %5s MiB\n' "$reader" "$(stat number_of_executed_units)" \
    $((SECONDS - begun)) "$(stat peak_rss_mb)"
  if [ "$status" -ne 0 ]; then
    grep -aE 'ERROR|SUMMARY|panicked|assert|Test unit' -A2 "$artifacts/log" | head -40 >&2
    echo "$reader: a finding lies in $artifacts" >&2
    exit 1
  fi
done
