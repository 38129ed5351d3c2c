#!/usr/bin/env bash
# Fuzzes every target for SECONDS (15) and says in one line of JSON what came of it. No sanitizer:
# the readers have no unsafe code of their own, and without one the build takes half the time and
# every second has more runs. The same seed each time: nobody's change shall fail by chance. For
# finding something new there is `just fuzz TARGET`, which has the address sanitizer too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:-15}

folder=$PWD/target/short
export RUSTC_BOOTSTRAP=1
cargo fuzz build --target-dir "$folder/build" -s none >&2
programs=("$folder"/build/*/release)
rm -rf "$folder/run"
mkdir -p "$folder/run"
BLINDSIGHT_FUZZ_SEEDS=$folder/run/seeds "${programs[0]}/seed_corpus" 2>"$folder/run/seed_corpus.log"

# What is found goes to the first folder: the corpus of the repository stays as it is.
fuzz() {
    local target=$1 own=$2/run/$1
    mkdir -p "$own/found" "$own/artifacts" "$2/run/seeds/$target" "corpus/$target"
    "$3/$target" -max_total_time="$4" -max_len=500000 -timeout=20 -rss_limit_mb=2048 \
        -seed=1 -print_final_stats=1 -artifact_prefix="$own/artifacts/" \
        "$own/found" "corpus/$target" "$2/run/seeds/$target" >"$own/log" 2>&1 || touch "$own/failed"
}
export -f fuzz
targets=$(cd fuzz_targets && ls -- *.rs | sed 's/\.rs$//')
xargs -P "$(nproc)" -I{} bash -c 'fuzz "$@"' _ {} "$folder" "${programs[0]}" "$seconds" <<<"$targets"

findings=0
executions=
for target in $targets; do
    own=$folder/run/$target
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$own/log")
    if [ -e "$own/failed" ] || [ "${runs:-0}" -eq 0 ]; then
        findings=$((findings + 1))
        echo "fuzz: $target failed; its input is under $own/artifacts:" >&2
        tail -n 40 "$own/log" >&2
    fi
    executions+="${executions:+,}\"$target\":${runs:-0}"
done
echo "{\"seconds_each\":$seconds,\"executions\":{$executions},\"findings\":$findings}"
[ "$findings" -eq 0 ]
