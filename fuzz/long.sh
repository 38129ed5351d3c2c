#!/usr/bin/env bash
# Fuzzes every target, or those that are named after the number, until each has had RUNS executions
# (1e8): all calls together, each of which goes on where the one before stopped, with what that found
# worth trying. Counts go on when sources change; without target/long all begin anew. The last line is one
# JSON object: executions so far, and findings.
# As in short.sh there is no sanitizer: the readers have no unsafe code of their own. And comparisons
# are not traced, which takes most of the time in loops over coefficients: what only they would find,
# lengths and checksums, mutators make fit, and short.sh traces them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
runs=${1:-100000000}
shift || true
targets=${*:-$(cd fuzz_targets && ls -- *.rs | sed 's/\.rs$//')}

folder=$PWD/target/long
export RUSTC_BOOTSTRAP=1
cargo fuzz build --target-dir "$folder/build" -s none --no-trace-compares >&2
programs=("$folder"/build/*/release)
mkdir -p "$folder/programs"
cp "${programs[0]}"/seed_corpus "$folder/programs"
for target in $targets; do
    cp "${programs[0]}/$target" "$folder/programs"
done
BLINDSIGHT_FUZZ_SEEDS=$folder/seeds "$folder/programs/seed_corpus" 2>"$folder/seed_corpus.log"

# What a part has run counts when it ends: at the slowest rate there is that takes minutes.
part=5000000
fuzz() {
    local target=$1 folder=$2 runs=$3 part=$4 own=$2/$1 so_far executed longest
    mkdir -p "$own/found" "$own/artifacts" "$folder/seeds/$target" "corpus/$target"
    rm -f "$own/failed"
    # Four times the longest object that there is to begin with: what is longer takes longer, and tells
    # a reader nothing new.
    longest=$(find "corpus/$target" "$folder/seeds/$target" -type f -printf '%s\n' | sort -n | tail -n 1)
    longest=$((4 * longest > 4096 ? 4 * longest : 4096))
    so_far=$(cat "$own/executions" 2>/dev/null || echo 0)
    while [ "$so_far" -lt "$runs" ]; do
        # Another seed for each part: the same would try the same again. Nobody else adds to the corpus,
        # so there is no need to look for more.
        "$folder/programs/$target" -runs=$((runs - so_far < part ? runs - so_far : part)) \
            -seed=$((so_far % 1000000007 + 1)) -max_len=$longest -timeout=60 -rss_limit_mb=2048 -reload=0 \
            -print_final_stats=1 -artifact_prefix="$own/artifacts/" \
            "$own/found" "corpus/$target" "$folder/seeds/$target" >"$own/log" 2>&1 ||
            { touch "$own/failed"; return 0; }
        executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$own/log")
        so_far=$((so_far + executed))
        echo "$so_far" >"$own/executions"
        echo "fuzz: $target $so_far" >&2
    done
}
export -f fuzz
# shellcheck disable=SC2086
printf '%s\n' $targets | xargs -P "$(nproc)" -I{} bash -c 'fuzz "$@"' _ {} "$folder" "$runs" "$part"

findings=0
executions=
for target in $targets; do
    own=$folder/$target
    if [ -e "$own/failed" ]; then
        findings=$((findings + 1))
        echo "fuzz: $target failed; its input is under $own/artifacts:" >&2
        tail -n 40 "$own/log" >&2
    fi
    executions+="${executions:+,}\"$target\":$(cat "$own/executions" 2>/dev/null || echo 0)"
done
echo "{\"wanted\":$runs,\"executions\":{$executions},\"findings\":$findings}"
[ "$findings" -eq 0 ]
