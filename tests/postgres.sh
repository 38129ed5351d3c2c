#!/usr/bin/env bash
# PostgreSQL servers of one's own, for tests and for `just fleet`. Installs Debian's package where there is
# none.
#
#   postgres.sh place FOLDER                  a folder that a server can use: this one, or one for it in /tmp
#   postgres.sh make FOLDER                   lays the files of a new server into a folder
#   postgres.sh start FOLDER PORT [OPTIONS]   starts it at 127.0.0.1, its log in FOLDER/log
#   postgres.sh stop FOLDER                   ends it at once, as a power cut would
#   postgres.sh run PROGRAM [ARGS]            runs one of its programs, such as pg_dump, as its user
#   postgres.sh port                          a port that nobody uses
set -euo pipefail

root=""
[ "$(id -u)" -eq 0 ] || root=sudo
find_programs() {
    programs=$(command -v pg_ctl && exit 0; ls -d /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | sort -V | tail -1) || true
    [ -n "$programs" ] && programs=$(dirname "$(readlink -f "$programs")")
}
find_or_install() {
    find_programs && return
    if ! command -v apt-get >/dev/null || { [ -n "$root" ] && ! command -v sudo >/dev/null; }; then
        echo "setup: PostgreSQL is missing: install it (15 or newer)" >&2
        exit 1
    fi
    echo "setup: installing PostgreSQL" >&2
    $root apt-get update -qq || true
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
    find_programs
}

# PostgreSQL refuses to run as root. No command depends on where it runs, which its user may not see.
as_user() {
    if [ -n "$root" ]; then (cd / && "$@"); else (cd / && runuser -u postgres -- "$@"); fi
}
give() { [ -n "$root" ] || chown postgres "$1"; }

command=$1
shift
[ "$command" = port ] || find_or_install
case "$command" in
place)
    mkdir -p "$1"
    folder=$(realpath "$1")
    chmod 755 "$folder"
    give "$folder"
    if ! as_user test -w "$folder" 2>/dev/null; then
        folder=/tmp/blindsight-postgres-$(printf %s "$folder" | sha256sum | cut -c 1-12)
        # Nobody else's, should somebody have thought of the name before.
        mkdir "$folder" 2>/dev/null || [ "$(stat -c %U "$folder")" = postgres ]
        give "$folder"
    fi
    echo "$folder"
    ;;
make)
    chmod 755 "$1"
    give "$1"
    as_user "$programs/initdb" -D "$1/data" -U tester -A trust --no-sync >/dev/null
    ;;
start)
    folder=$1 port=$2
    shift 2
    as_user "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start -o \
        "-p $port -h 127.0.0.1 -k $folder -c max_connections=400 $*" >/dev/null ||
        { cat "$folder/log" >&2; exit 1; }
    ;;
stop)
    as_user "$programs/pg_ctl" -D "$1/data" -m immediate stop >/dev/null
    ;;
run)
    program=$1
    shift
    as_user "$programs/$program" "$@"
    ;;
port)
    node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
    ;;
*)
    echo "postgres.sh: $command is no command" >&2
    exit 2
    ;;
esac
