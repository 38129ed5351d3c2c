#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, which is gone afterwards; the command finds its address
# in BLINDSIGHT_TEST_POSTGRES. Installs Debian's package where there is none.
set -euo pipefail

postgres=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../tests/postgres.sh")
folder=$(mktemp -d)
stop() {
    "$postgres" stop "$folder" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
"$postgres" make "$folder"
port=$("$postgres" port)
# Its data is thrown away: nothing needs to reach the disk.
"$postgres" start "$folder" "$port" -c fsync=off

BLINDSIGHT_TEST_POSTGRES="postgres://tester@127.0.0.1:$port" "$@"
