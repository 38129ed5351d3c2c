#!/usr/bin/env bash
# Has the files of this folder read by the programs that they are for, or by others that know their rules, as
# far as those are here, and says what was not checked. `just deploy-check` installs them first.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/deploy-check
cd deploy || exit
PATH=$PATH:$tools/bin:$tools/nginx/usr/sbin
python=$tools/bin/python
failed=0 missing=()

check() { # PROGRAM WHAT COMMAND...
    if ! command -v "$1" >/dev/null; then
        missing+=("$2 ($1)")
        return
    fi
    judge "$@"
}
judge() { # WHO WHAT COMMAND...
    local who=$1 what=$2
    shift 2
    if output=$("$@" 2>&1); then
        echo "deploy-check: $what: right ($who)"
    else
        printf 'deploy-check: %s: WRONG (%s)\n%s\n' "$what" "$who" "$output"
        failed=1
    fi
}
has() { "$python" -c "import $1" 2>/dev/null; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines may be long, as in the rest of the repository; templates are no YAML before Helm has read them.
check yamllint "compose.yaml and the chart's values" yamllint --strict -d \
    '{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: disable,
      comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}}}' \
    compose.yaml helm/blindsight/Chart.yaml helm/blindsight/values.yaml

# The chart, in all variants; what is said of the objects is true only if they were rendered.
mkdir "$work/chart"
chart() { "$python" check/chart.py "$1" "$work/chart"; }
keda_query() {
    {
        echo "CREATE TABLE schema_version (version BIGINT NOT NULL);"
        printf '%s\n' ../evaluator/src/store/postgres/schema_*.sql | sort -V | xargs cat
        chart query
    } >"$work/query.sql"
    # shellcheck disable=SC2016  # The address is known there.
    age=$(../evaluator/tests/with-postgres.sh sh -c \
        '../tests/postgres.sh run psql "$BLINDSIGHT_TEST_POSTGRES/postgres" -qXAt -v ON_ERROR_STOP=1 2>&1' \
        <"$work/query.sql")
    # Nothing waits.
    [[ $age =~ ^0[.0]*$ ]] || { echo "$age"; false; }
}
if { command -v helm >/dev/null || has helm_python; } && has yaml; then
    if who=$(chart render 2>"$work/error"); then
        echo "deploy-check: the chart, in $(ls "$work/chart" | wc -l) variants: right (rendered by $who)"
        unique() { yamllint --strict -d '{rules: {key-duplicates: enable}}' "$work/chart"; }
        check yamllint "the chart's objects, no key twice" unique
        check kubernetes-validate "the chart's objects, by the schemas of Kubernetes" chart kubernetes
        if has cloudcoil.models.keda; then
            judge cloudcoil-models-keda "the objects for KEDA, by its types" chart keda
        else
            missing+=("the objects for KEDA (cloudcoil-models-keda)")
        fi
        judge check/chart.py "the chart's objects find each other" chart names
        check psql "the query by which KEDA scales, on the tables" keda_query
    else
        printf 'deploy-check: the chart: WRONG\n%s\n' "$(cat "$work/error")"
        failed=1
    fi
else
    missing+=("the chart (helm, or its library)")
fi
missing+=("the settings of KEDA's trigger beside its query (KEDA on a cluster)")

# With its variables, and refused without one.
compose() { # PROGRAM...
    # Whatever lies in deploy/.env.
    set -- "$@" --env-file /dev/null -f compose.yaml config --quiet
    POSTGRES_PASSWORD=x BUCKET_KEY=x "$@" || return
    for variable in POSTGRES_PASSWORD BUCKET_KEY; do
        POSTGRES_PASSWORD=x BUCKET_KEY=x env -u "$variable" "$@" 2>"$work/refused" &&
            { echo "$variable may be missing"; return 1; }
        grep -q "required variable $variable is missing" "$work/refused" || { cat "$work/refused"; return 1; }
    done
}
if docker compose version >/dev/null 2>&1; then
    judge "docker compose" compose.yaml compose docker compose
else
    check docker-compose compose.yaml compose docker-compose
fi
check hadolint Containerfile hadolint --no-color Containerfile
missing+=("whether images can be built and fetched (podman)" "an installation (a cluster)")

variables() {
    for variable in $(grep -rohE 'BLINDSIGHT_[A-Z_]+' Containerfile compose.yaml helm systemd | sort -u); do
        grep -q "env = \"$variable\"" ../evaluator/src/config.rs || { echo "$variable is no setting"; return 1; }
    done
}
judge evaluator/src/config.rs "the service's variables that are set here" variables
unit() {
    # The program need not be installed for its unit to be right.
    sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' systemd/blindsight@.service >"$work/blindsight@.service"
    output=$(systemd-analyze verify --man=no "$work/blindsight@.service" 2>&1) && [ -z "$output" ] ||
        { echo "$output"; false; }
}
check systemd-analyze "the systemd unit" unit
proxy() {
    # On a machine without the certificates and the names of the real one.
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x \
        -keyout "$work/key" -out "$work/crt" 2>/dev/null || return
    sed "s|/run/secrets/tls.crt|$work/crt|; s|/run/secrets/tls.key|$work/key|; s|front-[12]:|127.0.0.1:|" \
        nginx/blindsight.conf >"$work/site.conf"
    # `http2 on` is of 1.25.1 and later.
    [[ ! $(nginx -v 2>&1) =~ nginx/1\.(1[0-9]|2[0-4])\. ]] || sed -i '/http2 on;/d' "$work/site.conf"
    {
        printf 'pid %s/pid;\nevents {}\nhttp {\n    access_log off;\n' "$work"
        printf "    %s_temp_path $work/%s;\n" client_body{,} proxy{,} fastcgi{,} uwsgi{,} scgi{,}
        printf '    include %s/site.conf;\n}\n' "$work"
    } >"$work/nginx.conf"
    nginx -t -q -c "$work/nginx.conf" -e stderr
}
check nginx "the proxy" proxy
check shellcheck "scripts" shellcheck -S warning ./*.sh check/*.sh ../tests/*.sh
check bash "scripts, by bash itself" bash -c 'for script in *.sh check/*.sh; do bash -n "$script" || exit; done'
[ ${#missing[@]} -eq 0 ] || printf 'deploy-check: NOT checked: %s\n' "${missing[@]}"
exit "$failed"
