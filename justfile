set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments
set ignore-comments

wasm := "wasm32-unknown-unknown"

# A relative path on the command line starts where the command was given, not at the justfile.
here := quote(invocation_directory())
absolute := "[[ $1 == /* ]] || set -- " + here + "/\"$1\" \"${@:2}\";"

run := "cargo run --locked --release -q -p blindsight-cli --"

# The crates that run on the client's side, and so in a browser.
client_crates := "-p blindsight-ring -p blindsight-ckks -p blindsight-ckks-client -p blindsight-exact -p blindsight-exact-client -p blindsight-contract -p blindsight-session -p blindsight-model -p blindsight-wasm"

# Lists the recipes.
default:
    @just --list --unsorted

# Checks the tools; adds what rustup can add (the wasm target, clippy, rustfmt) and says so.
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    say() { echo "setup: $*" >&2; }
    if ! command -v cargo >/dev/null; then
        say "cargo is missing: install Rust from https://rustup.rs"
        exit 1
    fi
    if ! command -v cc >/dev/null; then
        say "cc is missing: Rust links with it; install a C compiler (Debian: apt install gcc)"
        exit 1
    fi
    if ! command -v rustup >/dev/null; then
        # A Rust without rustup must bring everything itself.
        missing=()
        command -v rustfmt >/dev/null || missing+=(rustfmt)
        command -v cargo-clippy >/dev/null || missing+=(clippy)
        [ -d "$(rustc --print sysroot)/lib/rustlib/{{ wasm }}" ] || missing+=("the target {{ wasm }}")
        [ ${#missing[@]} -eq 0 ] && exit 0
        printf 'setup: missing: %s\n' "${missing[@]}" >&2
        say "add them with your package manager, or install Rust from https://rustup.rs"
        exit 1
    fi
    installed() { [[ $'\n'"$1"$'\n' == *$'\n'"$2"* ]]; }
    if ! installed "$(rustup target list --installed)" "{{ wasm }}"; then
        say "adding the Rust target {{ wasm }}"
        rustup target add "{{ wasm }}"
    fi
    components=$(rustup component list --installed)
    for component in clippy rustfmt; do
        if ! installed "$components" "$component"; then
            say "adding the Rust component $component"
            rustup component add "$component"
        fi
    done

# Builds everything, optimised.
build: setup
    cargo build --locked --release --workspace

# Installs what is missing, builds everything and serves the page at http://127.0.0.1:8080.
up *FLAGS: web
    cargo build --locked --release -q -p blindsight-evaluator
    exec "${CARGO_TARGET_DIR:-target}/release/blindsight-evaluator" serve --web web/dist "$@"

# Serves the page by a fleet on this machine until Ctrl-C: PostgreSQL, a bucket, a front-end, two workers.
fleet *FLAGS: web
    cargo build --locked --release -q -p blindsight-evaluator -p blindsight-tests --bins
    exec tests/fleet.sh "${CARGO_TARGET_DIR:-target}/release" "$@"

# Strikes a fleet with faults, and measures it: --long, --seed N, --only PART; target/fleet/summary.json.
fleet-test *ARGS: setup faketime
    cargo build --locked -q -p blindsight-tests --bins
    exec "${CARGO_TARGET_DIR:-target}/debug/fleet-test" "$@"

# Ten random faults against a fleet, each accepted job done exactly once; the seed is said first.
test-fleet: setup faketime
    # The same build as that of the tests in Rust.
    cargo test --locked -q --workspace --no-run
    "${CARGO_TARGET_DIR:-target}/debug/fleet-test" --only chaos

# Twenty pictures on three workers with the real evaluator, two of which are killed on the way: one line of
# JSON. Takes some minutes.
fleet-kill: sdk
    cargo build --locked --release -q -p blindsight-evaluator -p blindsight-tests --bins
    node tests/fleet-kill.mjs "${CARGO_TARGET_DIR:-target}/release"

# Checks the files of deploy/, by programs that it installs into target/deploy-check; says what was not checked.
deploy-check:
    deploy/check/tools.sh
    deploy/check.sh

# Runs all tests, in Rust, in Node and in Chromium.
test: test-rust test-postgres test-fleet test-sdk test-web test-packaging test-browser

# Runs the tests in Rust, and checks that the client's side compiles to WebAssembly.
test-rust: setup && check-wasm
    # The dev profile is optimised (see Cargo.toml) and keeps overflow checks and assertions.
    cargo test --locked --workspace --no-run
    # What was just built, lest each test that starts the evaluator asks Cargo for one.
    BLINDSIGHT_TEST_EVALUATOR="$(realpath "${CARGO_TARGET_DIR:-target}/debug/blindsight-evaluator")" \
        cargo test --locked --workspace

# The tests with ten pictures end to end, a hundred kills and a long load: many minutes more.
test-long: setup sdk
    BLINDSIGHT_LONG=1 cargo test --locked --workspace
    cd wasm-client/sdk && BLINDSIGHT_LONG=1 npx vitest run test/timing.test.ts

# Checks that the client's side compiles to WebAssembly.
check-wasm: setup
    cargo check --locked {{ client_crates }} --target {{ wasm }}

# Checks formatting, lints, and the licences and sources of dependencies; any warning is an error.
lint: setup cargo-deny && check-wasm
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    # Two versions of a crate are a warning only: it is other people's choice.
    cargo deny --locked --log-level error check licenses bans sources

# Looks the dependencies up in the RustSec list of vulnerabilities, which it fetches from GitHub.
advisories: setup cargo-deny
    cargo deny --locked check advisories

# Installs cargo-deny, where there is none.
[private]
cargo-deny:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v cargo-deny >/dev/null; then
        echo "lint: installing cargo-deny" >&2
        cargo install --locked cargo-deny
    fi

# Lists all dependencies as CycloneDX files in target/sbom: the last line is one JSON object.
sbom: setup node
    .ci/sbom

# Makes the package's types of contracts anew from the Rust types; a test says when that is due.
types: setup
    BLINDSIGHT_WRITE_GOLDEN=1 cargo test --locked -q -p blindsight-wasm --lib typescript

# Builds the WebAssembly module of the client, with its JavaScript glue.
wasm: setup
    #!/usr/bin/env bash
    set -euo pipefail
    # Paths of this machine must not end up in what people download.
    home=${CARGO_HOME:-$HOME/.cargo}
    sysroot=$(rustc --print sysroot)
    remap="'--remap-path-prefix=$home=cargo','--remap-path-prefix=$sysroot=rust'"
    cargo build --locked -q -p blindsight-wasm --target {{ wasm }} --profile wasm \
        --config "target.{{ wasm }}.rustflags=[$remap,'--remap-path-prefix=$PWD=blindsight']"
    target=${CARGO_TARGET_DIR:-target}
    cargo run --locked --release -q -p blindsight-bindgen -- \
        "$target/{{ wasm }}/wasm/blindsight_wasm.wasm" wasm-client/sdk/src/wasm
    size=$(gzip -9 -c wasm-client/sdk/src/wasm/blindsight_wasm_bg.wasm | wc -c)
    echo "wasm: $size bytes gzipped" >&2
    [ "$size" -lt 1000000 ] || { echo "wasm: more than 1 MB" >&2; exit 1; }

# Builds the module in two other folders, from nothing, and compares: the last line is JSON.
wasm-reproducible: setup
    #!/usr/bin/env bash
    set -euo pipefail
    # Of different lengths, lest a path that got in leaves the length alone.
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    hashes=()
    for folder in "$work/a" "$work/another folder/of the same tree"; do
        mkdir -p "$folder"
        # The tree as it is, without what was built in it.
        git ls-files -z --cached --others --exclude-standard \
            | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null \
            | tar --extract --directory "$folder"
        echo "wasm-reproducible: building in $folder" >&2
        (
            cd "$folder"
            env -u CARGO_TARGET_DIR "{{ just_executable() }}" --justfile "$folder/justfile" \
                --working-directory "$folder" wasm
        )
        hash=$(sha256sum <"$folder/wasm-client/sdk/src/wasm/blindsight_wasm_bg.wasm")
        hashes+=("${hash%% *}")
        rm -rf "$folder"
    done
    same=false
    [ "${hashes[0]}" != "${hashes[1]}" ] || same=true
    printf '{"reproducible":%s,"sha256":["%s","%s"],"rustc":"%s"}\n' \
        "$same" "${hashes[@]}" "$(rustc --version)"
    [ "$same" = true ]

# Builds the JavaScript package "blindsight" (wasm-client/sdk/dist).
sdk: wasm (packages "wasm-client/sdk")
    cd wasm-client/sdk && npm run --silent build

# Builds the page (web/dist).
web: sdk (packages "web")
    cd web && npm run --silent build -- --logLevel warn

# Checks for Node.
node:
    #!/usr/bin/env bash
    set -euo pipefail
    version=$(node --version 2>/dev/null || true)
    if [ -z "$version" ] || [ "$(echo "${version#v}" | cut -d. -f1)" -lt 20 ]; then
        echo "setup: Node 20 or later is missing: install it from https://nodejs.org" >&2
        exit 1
    fi

# Installs the packages that a folder's lock file names, unless they are there.
[private]
packages FOLDER: node
    #!/usr/bin/env bash
    set -euo pipefail
    cd "{{ FOLDER }}"
    if ! cmp -s package-lock.json node_modules/.installed-lock; then
        npm ci --silent --no-fund --no-audit
        cp package-lock.json node_modules/.installed-lock
    fi

# Installs Chromium for the tests, where there is none: the system's package, else Playwright's build.
[private]
chromium: (packages "tests/browser")
    #!/usr/bin/env bash
    set -euo pipefail
    cd tests/browser
    found() {
        node --input-type=module -e '
            import { chromium } from "playwright-core";
            import { chromiumPath } from "../chromium/chromium.mjs";
            chromiumPath(chromium.executablePath());' 2>/dev/null
    }
    found && exit 0
    echo "setup: installing Chromium" >&2
    root=""; [ "$(id -u)" -eq 0 ] || root=sudo
    if command -v apt-get >/dev/null && { [ -z "$root" ] || command -v sudo >/dev/null; }; then
        # Debian has a package. Ubuntu has none without snap, so failing is no end.
        $root apt-get update -qq || true
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null || true
        found && exit 0
        npx playwright-core install --with-deps chromium >&2 || true
        found && exit 0
    fi
    echo "setup: Chromium is missing: install it, and set CHROMIUM to its path" >&2
    exit 1

# Tests the service on a PostgreSQL of its own: what every database must do, and all of the API.
test-postgres: setup
    evaluator/tests/with-postgres.sh cargo test --locked -q -p blindsight-evaluator --lib --test http

# Tests the SDK: types, format, flows against a server in memory, the real module.
test-sdk: sdk
    cd wasm-client/sdk && npm run --silent check && npm run --silent format && npm test --silent

# Installs the packed SDK into a Vite app, a webpack app, a plain page and a Node script.
test-packaging: sdk chromium (packages "tests/packaging")
    cd wasm-client/sdk && npm run --silent lint:package
    cd tests/packaging && npm test --silent

# Tests the page by itself, with a stand-in for the SDK: states, keyboard, axe, sizes.
test-web: web chromium
    cd web && npm run --silent check && npm run --silent format && npm test --silent
    cd web && npm run --silent test:page

# Installs what the capture of the browser's traffic needs, if it can: without, that test is skipped.
[private]
capture:
    #!/usr/bin/env bash
    set -euo pipefail
    [ "$(uname)" = Linux ] || exit 0
    { command -v ip && command -v tcpdump; } >/dev/null && exit 0
    root=""; [ "$(id -u)" -eq 0 ] || root=sudo
    if command -v apt-get >/dev/null && { [ -z "$root" ] || command -v sudo >/dev/null; }; then
        echo "setup: installing iproute2 and tcpdump" >&2
        $root apt-get update -qq || true
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq iproute2 tcpdump >/dev/null || true
    fi

# Installs the library that lies about the time, if it can: without, no clock is wrong.
[private]
faketime:
    #!/usr/bin/env bash
    set -euo pipefail
    for folder in /usr/lib/*/faketime /usr/lib*/faketime; do
        [ ! -e "$folder/libfaketime.so.1" ] || exit 0
    done
    root=""; [ "$(id -u)" -eq 0 ] || root=sudo
    if command -v apt-get >/dev/null && { [ -z "$root" ] || command -v sudo >/dev/null; }; then
        echo "setup: installing faketime" >&2
        $root apt-get update -qq || true
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq faketime >/dev/null || true
    fi

# Tests page, SDK and evaluator together in Chromium: writes target/tests/browser.json.
test-browser: web chromium capture
    # The same build as that of the tests in Rust.
    cargo test --locked -q --workspace --no-run
    cd tests/browser && npm run --silent format && npm test --silent

# Classifies a photo, encrypted, through the SDK and over HTTP: one line of JSON; --model NAME,
# --label-only.
classify PHOTO *ARGS: sdk
    cargo build --locked --release -q -p blindsight-evaluator
    {{ absolute }} node wasm-client/sdk/scripts/classify.mjs "$@"

# The same without HTTP, all in one process, beside the plain network: --model, --network. Or, so that
# nothing else is decrypted: --label-only, --lead SCORE, --among cat,dog,9.
classify-native PHOTO *ARGS: setup
    {{ absolute }} {{ run }} classify "$@"

# Classifies pictures of a data set, encrypted and plain: --first N --count M, --model, --network;
# --label-only, --lead SCORE and --among cat,dog,9 compare decisions with the scores of the same runs.
accuracy FILE *ARGS: setup
    {{ absolute }} {{ run }} accuracy "$@"

# Encrypted pictures an hour beside what others published: `just table --data FOLDER` (MNIST); the last
# line and target/table/summary.json are JSON. `--rows dnn-30,cnn-16`, `--pictures 2048`, and for photos
# of CIFAR-10 `--photos TEST.bin --calibrate TRAIN.bin`.
table *ARGS: setup
    {{ run }} table "$@"

# Digits through networks of signs, encrypted by TFHE: `just dinn samples-digits/03-3-0.png`, or
# `just dinn --data FOLDER` (MNIST) to compare; the last line is JSON. --networks, --count, --label-only.
dinn *DIGITS: setup
    {{ run }} signs "$@"

# The features of a photo, encrypted, as an encoder gives them: one line of JSON; --model, --network.
embed PHOTO *ARGS: setup
    {{ absolute }} {{ run }} embed "$@"

# Digits that the encoder has not learnt from, told apart by pixels, features and encrypted features:
# `just transfer --data FOLDER` (MNIST); the last line is JSON.
transfer *ARGS: sdk
    {{ run }} transfer "$@" --output target/transfer
    node wasm-client/sdk/scripts/transfer.mjs target/transfer

# Measures speed, sizes and memory: a table, and target/bench/summary.json.
bench *ARGS: setup
    # The evaluator's memory is that of a process of its own, so its program must exist.
    cargo build --locked --release -q -p blindsight-cli -p blindsight-evaluator
    {{ run }} bench "$@"

# Measures how fast this machine is, for `just compile ... --machine target/machine.json`.
calibrate-machine *ARGS: setup
    {{ absolute }} {{ run }} calibrate-machine "$@"

# Compiles a network (ONNX, safetensors): --calibrate PICTURES --output FILE; or --check tells how it runs.
compile NETWORK *ARGS: setup
    #!/usr/bin/env bash
    set -euo pipefail
    features=()
    for argument in "$@"; do
        [ "$argument" != --check ] || features=(--features check)
    done
    cargo build --locked --release -q -p blindsight-cli "${features[@]}"
    program=$(realpath "${CARGO_TARGET_DIR:-target}/release/blindsight")
    # All paths among the arguments start where the command was given.
    cd {{ here }}
    exec "$program" compile "$@"

# Trains a network of this repository, such as dnn-30: --data FOLDER with MNIST's IDX files, --seed N, --force.
train NAME *ARGS: setup
    #!/usr/bin/env bash
    set -euo pipefail
    manifest=$PWD/crates/train/Cargo.toml
    # Paths among the arguments start where the command was given; networks go to this repository.
    cd {{ here }}
    # Weights are the same for every instruction set, and found sooner with wide vectors.
    export RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-cpu=native"
    exec cargo run --locked --release -q --manifest-path "$manifest" -- \
        --folder "{{ justfile_directory() }}/models/train" "$@"

# Checks and tests the crate that trains, which nothing that is served needs.
test-train: setup
    cd crates/train && cargo fmt --check
    cd crates/train && cargo clippy --locked --release --all-targets -- -D warnings
    cd crates/train && cargo test --locked --release

# Lets hostile clients at a service: writes target/attack/summary.json; a minute an attack.
attack SECONDS="60": setup node
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --locked --release -q -p blindsight-evaluator
    target=${CARGO_TARGET_DIR:-target}
    BLINDSIGHT_ATTACK_SECONDS={{ SECONDS }} \
        BLINDSIGHT_TEST_EVALUATOR="$(realpath "$target/release/blindsight-evaluator")" \
        cargo test --locked -q -p blindsight-tests --test attack -- --nocapture >&2
    node -p 'JSON.stringify(JSON.parse(require("fs").readFileSync(process.argv[1])))' \
        "$target/attack/summary.json"

# Fuzzes one target until stopped; ARGS go to libFuzzer, such as -max_total_time=60.
fuzz TARGET *ARGS: setup cargo-fuzz
    #!/usr/bin/env bash
    set -euo pipefail
    cd fuzz
    target=$1
    shift
    # Sanitizers are unstable options; the variable lets the stable compiler take them.
    export RUSTC_BOOTSTRAP=1
    # Valid objects to start from: no fuzzer guesses a whole frame.
    BLINDSIGHT_FUZZ_SEEDS=$PWD/target/seeds cargo fuzz run seed_corpus
    # What is found goes to the first folder: the corpus of the repository stays as it is.
    mkdir -p "target/found/$target" "target/seeds/$target" "corpus/$target"
    # The longest valid object of a target has a quarter of a megabyte.
    cargo fuzz run "$target" "target/found/$target" "corpus/$target" "target/seeds/$target" \
        -- -max_len=500000 "$@"

# Fuzzes every target for SECONDS: the last line is one JSON object.
fuzz-short SECONDS="15": setup cargo-fuzz
    fuzz/short.sh {{ SECONDS }}

# Fuzzes every target, or those named after the number, to so many executions over all calls.
fuzz-long RUNS="100000000" *TARGETS: setup cargo-fuzz
    fuzz/long.sh {{ RUNS }} {{ TARGETS }}

# Runs kernels and readers under Miri, which finds undefined behaviour; needs a nightly compiler.
miri: setup
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo +nightly miri --version >/dev/null 2>&1; then
        echo "miri: missing: rustup toolchain install nightly --component miri --component rust-src" >&2
        exit 1
    fi
    # Tests of damaged files write some, and property tests would take hours at their usual number.
    export MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=1
    # Miri has no AVX-512: the portable kernels run, and twins of back ends have nothing to compare.
    # Skipped are also tests whose primes take Miri longer to find than all others together.
    cargo +nightly miri test -q --locked -p blindsight-ring --lib -- \
        --skip kernels::twins --skip prime:: --skip subring:: --skip transform::
    # Readers in which no transform is made ready: that alone would take hours.
    cargo +nightly miri test -q --locked -p blindsight-model --features datasets --lib -- \
        dataset::npy weights::
    cargo +nightly miri test -q --locked -p blindsight-ckks --lib -- wire::frame wire::expected_scale

# Installs cargo-fuzz, where there is none.
[private]
cargo-fuzz:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v c++ >/dev/null; then
        echo "fuzz: c++ is missing: libFuzzer is built with it; install a C++ compiler" >&2
        exit 1
    fi
    if ! command -v cargo-fuzz >/dev/null; then
        echo "fuzz: installing cargo-fuzz" >&2
        cargo install --locked cargo-fuzz
    fi
