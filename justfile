set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments
set ignore-comments

wasm := "wasm32-unknown-unknown"

# A relative path on the command line starts where the command was given, not at the justfile.
here := quote(invocation_directory())
absolute := "[[ $1 == /* ]] || set -- " + here + "/\"$1\" \"${@:2}\";"

run := "cargo run --locked --release -q -p blindsight-cli --"

# The crates that run on the client's side, and so in a browser.
client_crates := "-p blindsight-ring -p blindsight-ckks -p blindsight-ckks-client -p blindsight-model"

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

# Runs all tests, doc tests included, and checks that the client's side compiles to WebAssembly.
test: setup && check-wasm
    # The dev profile is optimised (see Cargo.toml) and keeps overflow checks and assertions.
    cargo test --locked --workspace

# The tests with ten pictures end to end instead of one: some minutes more.
test-long: setup
    BLINDSIGHT_LONG=1 cargo test --locked --workspace

# Checks that the client's side compiles to WebAssembly.
check-wasm: setup
    cargo check --locked {{ client_crates }} --target {{ wasm }}

# Checks formatting and lints; any warning is an error.
lint: setup && check-wasm
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Classifies a photo, encrypted: one line of JSON on stdout, progress on stderr.
classify PHOTO: setup
    {{ absolute }} {{ run }} classify "$1"

# Classifies pictures of a CIFAR-10 file (binary records), encrypted and plain: --first N --count M.
accuracy FILE *ARGS: setup
    {{ absolute }} {{ run }} accuracy "$@"

# Measures speed, sizes and memory: a table, and target/bench/summary.json.
bench *ARGS: setup
    # The evaluator's memory is that of a process of its own, so its program must exist.
    cargo build --locked --release -q -p blindsight-cli -p blindsight-evaluator
    {{ run }} bench "$@"

# Measures the ranges of the model's activations on a CIFAR-10 file: --output FILE, from the root.
calibrate FILE *ARGS: setup
    {{ absolute }} {{ run }} calibrate "$@"

# Fuzzes one target until stopped; ARGS go to libFuzzer, such as -max_total_time=60.
fuzz TARGET *ARGS: setup
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
    cd fuzz
    target=$1
    shift
    if [ ! -d "corpus/$target" ]; then
        # Valid objects to start from: no fuzzer guesses a whole frame.
        cargo run --locked --release -q --bin seed_corpus
    fi
    # Sanitizers are unstable options; the variable lets the stable compiler take them. The longest
    # valid object of a target has a quarter of a megabyte.
    RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" -- -max_len=500000 "$@"
