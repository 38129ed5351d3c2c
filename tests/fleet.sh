#!/usr/bin/env bash
# A fleet on this machine, until Ctrl-C: PostgreSQL, a bucket, a front-end with the page, and two workers
# with the real evaluator. Everything it keeps is in target/fleet. Flags go to the front-end. A worker may
# be killed: its jobs go on elsewhere.
#
#   BLINDSIGHT_FLEET_WORKERS=2 fleet.sh FOLDER_OF_PROGRAMS [FLAGS]
set -euo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
programs=$(realpath "$1")
shift
cd "$here/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
fleet=$target/fleet
mkdir -p "$fleet"
exec 9>"$fleet/lock"
flock -n 9 || { echo "fleet: another one runs here ($fleet/lock)" >&2; exit 1; }

database=$("$here/postgres.sh" place "$fleet/postgres")
processes=()
stop() {
    trap - EXIT INT TERM
    echo "fleet: stopping" >&2
    # Workers put their jobs back, and need the others for it.
    for process in "${processes[@]:1}"; do kill "$process" 2>/dev/null || true; done
    for process in "${processes[@]:1}"; do wait "$process" 2>/dev/null || true; done
    [ ${#processes[@]} -eq 0 ] || { kill "${processes[0]}" && wait "${processes[0]}"; } 2>/dev/null || true
    "$here/postgres.sh" stop "$database" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

# A server that was left by a power cut, or by a Ctrl-C of long ago.
"$here/postgres.sh" stop "$database" >/dev/null 2>&1 || true
new=""
if [ ! -e "$fleet/made" ]; then
    rm -rf "${database:?}/data"
    "$here/postgres.sh" make "$database"
    new=yes
fi
port=$("$here/postgres.sh" port)
"$here/postgres.sh" start "$database" "$port"
if [ -n "$new" ]; then
    "$here/postgres.sh" run createdb -h 127.0.0.1 -p "$port" -U tester blindsight
    touch "$fleet/made"
fi

# Starts a process apart from the terminal, whose Ctrl-C is for this script alone, and waits until it says
# where it listens.
start() {
    local name=$1 said=$fleet/$1.address
    shift
    rm -f "$said"
    setsid "$@" >"$said" 2>>"$fleet/$name.log" 9>&- &
    processes+=($!)
    until grep -q '^listening on ' "$said" 2>/dev/null; do
        kill -0 $! 2>/dev/null || { tail -20 "$fleet/$name.log" >&2; exit 1; }
        sleep 0.1
    done
    address=$(sed -n 's/^listening on //p' "$said")
}

start bucket "$programs/fleet-s3" "$fleet/bucket" 127.0.0.1:0
export AWS_ENDPOINT=$address AWS_ALLOW_HTTP=true AWS_REGION=here
export AWS_ACCESS_KEY_ID=fleet AWS_SECRET_ACCESS_KEY=fleet
state=postgres://tester@127.0.0.1:$port/blindsight
echo "fleet: database: $state" >&2
node=("$programs/blindsight-evaluator" serve --state "$state"
    --blobs s3://blindsight/fleet)
# Workers share the cores.
workers=${BLINDSIGHT_FLEET_WORKERS:-2}
threads=$((($(nproc) + workers - 1) / workers))
for ((number = 1; number <= workers; number++)); do
    start "worker-$number" "${node[@]}" --role worker --data "$fleet/worker-$number" \
        --listen 127.0.0.1:0 --threads "$threads"
    echo "fleet: worker $number: process $!, $address/metrics" >&2
done
start front "${node[@]}" --role front --data "$fleet/front" --web web/dist "$@"
echo "fleet: logs are in $fleet" >&2
echo "listening on $address"
# Until Ctrl-C, or until the bucket or the front-end ends by itself.
wait -n "${processes[0]}" "${processes[-1]}"
echo "fleet: a process has ended; its log is in $fleet" >&2
exit 1
