#!/usr/bin/env bash
# Rehearses the loss of everything: copies database and bucket, deletes both, brings them back, compares.
# The bucket is a folder here; with a real one, `cp` is that of its own tool.
#
#   drill.sh SERVER DATABASE FOLDER     such as postgres://USER@127.0.0.1:5432 blindsight /srv/bucket
#
# Nodes must not run while things are deleted and brought back; while they are copied, they may. For then
# the database is copied first, and objects are only added or noted for deletion meanwhile: whatever the
# rows of the copy name is in the bucket, but for what was deleted between the two copies. The last line
# is one JSON object.
set -euo pipefail

server=$1 database=$2 folder=$(realpath "$3")
copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
[ -d "$folder" ] && [ "$folder" != / ] || { echo "drill: $3 is no folder of a bucket" >&2; exit 1; }

# Data alone, in the order of the tables: equal contents give equal bytes.
rows() {
    pg_dump --dbname "$server/$database" --data-only --inserts --rows-per-insert 1 |
        grep -v '^\(--\|\\\|SET \|SELECT pg_catalog.set_config\|$\)' | sort | sha256sum
}
objects() { (cd "$folder" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum | sha256sum); }
ms() { date +%s%3N; }

# 1. Copies.
start=$(ms)
pg_dump --dbname "$server/$database" --format custom --file "$copies/rows"
cp -a "$folder" "$copies/objects"
copied=$(($(ms) - start))
rows_before=$(rows) objects_before=$(objects)
count=$(find "$folder" -type f | wc -l)
jobs=$(psql "$server/$database" -Atqc 'SELECT count(*) FROM jobs')

# 2. Everything is gone.
psql "$server/postgres" -qc "DROP DATABASE \"$database\" WITH (FORCE)"
find "$folder" -mindepth 1 -delete
[ "$(objects)" != "$objects_before" ] || [ "$count" -eq 0 ] || { echo "drill: nothing was deleted" >&2; exit 1; }

# 3. The bucket first: rows must not name what is not there.
start=$(ms)
cp -a "$copies/objects/." "$folder/"
psql "$server/postgres" -qc "CREATE DATABASE \"$database\""
pg_restore --dbname "$server/$database" --exit-on-error --no-owner "$copies/rows"
restored=$(($(ms) - start))

# 4. The same as before.
same=true
[ "$(rows)" = "$rows_before" ] || { echo "drill: the rows differ" >&2; same=false; }
[ "$(objects)" = "$objects_before" ] || { echo "drill: the objects differ" >&2; same=false; }
printf '{"same":%s,"jobs":%s,"objects":%s,"copy_ms":%s,"restore_ms":%s}\n' \
    "$same" "$jobs" "$count" "$copied" "$restored"
[ "$same" = true ]
