#!/usr/bin/env bash
# Installs what the files of deploy/ are checked with into target/deploy-check, as far as it can: what is
# missing afterwards is said by check.sh. Of this machine it changes nothing, but for python3-venv on Debian.
set -euo pipefail
list=$(realpath "$(dirname "${BASH_SOURCE[0]}")/tools.txt")
cd "$(dirname "$list")/../.."
tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/deploy-check
say() { echo "setup: $*" >&2; }

root=""
[ "$(id -u)" -eq 0 ] || root=sudo
debian() { command -v apt-get >/dev/null && { [ -z "$root" ] || command -v sudo >/dev/null; }; }
update() { ! debian || $root apt-get update -qq || true; }

make_place() {
    "$tools/bin/python" -m pip --version >/dev/null 2>&1 && return
    python3 -m venv --clear "$tools" >/dev/null 2>&1 && return
    debian || return
    say "installing python3-venv"
    update
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null &&
        python3 -m venv --clear "$tools" >/dev/null
}

# One by one: some have no wheel for every machine.
install_wheels() {
    local complete=true package
    cmp -s "$list" "$tools/tools.txt" && return
    for package in $(grep -v '^#' "$list"); do
        say "installing $package"
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "$package" ||
            complete=false
    done
    [ "$complete" = false ] || cp "$list" "$tools/tools.txt"
}

# Debian's package would serve something once it is installed: its program alone is enough.
fetch_nginx() {
    { command -v nginx || command -v "$tools/nginx/usr/sbin/nginx"; } >/dev/null && return
    command -v apt-get >/dev/null || return
    say "fetching nginx"
    mkdir -p "$tools/nginx"
    cd "$tools/nginx"
    apt-get download -qq nginx 2>/dev/null || { update && apt-get download -qq nginx 2>/dev/null; } || return
    dpkg --extract nginx_*.deb . && ./usr/sbin/nginx -v 2>/dev/null || { rm -rf ./usr; false; }
}

if make_place; then
    install_wheels
else
    say "there is no Python that can make a virtual environment"
fi
(fetch_nginx) || say "there is no nginx that runs here"
