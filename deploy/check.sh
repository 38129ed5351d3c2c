#!/usr/bin/env bash
# Has the files of this folder read by the programs that they are for, as far as those are on this
# machine, and says which were not.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
failed=0 missing=()

check() { # PROGRAM WHAT COMMAND...
    local program=$1 what=$2
    shift 2
    if ! command -v "$program" >/dev/null; then
        missing+=("$what ($program)")
        return
    fi
    if output=$("$@" 2>&1); then
        echo "deploy-check: $what: right ($program)"
    else
        printf 'deploy-check: %s: WRONG (%s)\n%s\n' "$what" "$program" "$output"
        failed=1
    fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines may be long, as in the rest of the repository; templates are no YAML before helm has read them.
check yamllint "compose.yaml and the chart's values" yamllint -d \
    '{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: disable,
      comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}}}' \
    compose.yaml helm/blindsight/Chart.yaml helm/blindsight/values.yaml
chart() {
    helm lint helm/blindsight && helm template x helm/blindsight >/dev/null &&
        helm template x helm/blindsight --set autoscaling.enabled=true --set tokens.secret= >/dev/null
}
check helm "the chart" chart
compose() { docker compose version && POSTGRES_PASSWORD=x BUCKET_KEY=x docker compose -f compose.yaml config; }
if docker compose version >/dev/null 2>&1; then
    check docker "compose.yaml" compose
else
    missing+=("compose.yaml (docker compose)")
fi
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
check shellcheck "scripts" shellcheck -S warning ./*.sh ../tests/*.sh
check bash "scripts, by bash itself" bash -c 'for script in *.sh; do bash -n "$script" || exit; done'
[ ${#missing[@]} -eq 0 ] || printf 'deploy-check: NOT checked: %s\n' "${missing[@]}"
exit "$failed"
