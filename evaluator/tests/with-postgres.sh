#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, which is gone afterwards; the command finds its address
# in BLINDSIGHT_TEST_POSTGRES. Installs Debian's package where there is none.
set -euo pipefail

root=""
[ "$(id -u)" -eq 0 ] || root=sudo
find_programs() {
    programs=$(command -v pg_ctl && exit 0; ls -d /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | sort -V | tail -1) || true
    [ -n "$programs" ] && programs=$(dirname "$(readlink -f "$programs")")
}
if ! find_programs; then
    if ! command -v apt-get >/dev/null || { [ -n "$root" ] && ! command -v sudo >/dev/null; }; then
        echo "setup: PostgreSQL is missing: install it (15 or newer)" >&2
        exit 1
    fi
    echo "setup: installing PostgreSQL" >&2
    $root apt-get update -qq || true
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
    find_programs
fi

# PostgreSQL refuses to run as root.
as_user() { if [ -n "$root" ]; then "$@"; else runuser -u postgres -- "$@"; fi; }

folder=$(mktemp -d)
chmod 755 "$folder"
[ -n "$root" ] || chown postgres "$folder"
stop() {
    (cd / && as_user "$programs/pg_ctl" -D "$folder/data" -m immediate stop) >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
(
    cd /
    as_user "$programs/initdb" -D "$folder/data" -U tester -A trust --no-sync >/dev/null
    # Its data is thrown away: nothing needs to reach the disk.
    as_user "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start -o \
        "-p $port -h 127.0.0.1 -k $folder -c fsync=off -c max_connections=400" >/dev/null
) || { cat "$folder/log" >&2; exit 1; }

BLINDSIGHT_TEST_POSTGRES="postgres://tester@127.0.0.1:$port" "$@"
