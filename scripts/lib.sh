# Shared by the scripts of this folder: source it. It sets $root (the repository) and the environment.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=env.sh
. "$root/scripts/env.sh"

fail() {
    echo "error: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Prints the names of the given Debian packages' capabilities that this machine lacks. They are looked for by what they
# bring, so that other distributions and hand-made installations count, too.
missing_packages() {
    local missing=()
    has cc && has c++ && has make || missing+=(build-essential)
    has clang || missing+=(clang)
    has_libclang || missing+=(libclang-dev)
    has cmake || missing+=(cmake)
    has mold || missing+=(mold)
    has pkg-config || missing+=(pkg-config)
    has git || missing+=(git)
    has curl || missing+=(curl)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
    echo "${missing[*]}"
}

# bindgen loads libclang at build time.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib/*/libclang*.so*' >/dev/null ||
        compgen -G '/usr/lib64/libclang*.so*' >/dev/null
}

# Succeeds if dotted version $1 is at least $2.
at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$2" ]
}

# What the tests select of the workspace. All that builds in the development profile for `make test` selects the same: cargo unites the
# features of what is selected, so that another selection compiles half of the dependencies anew. Without the demonstration, which
# needs minutes to compile and is a command of its own (make demo); clippy reads it.
# shellcheck disable=SC2034 # for those who source this
tested=(--workspace --exclude openledger-demo)

# Builds the commands with the tests' features; a test is among what is asked for, or cargo would leave those out.
build_commands() {
    cargo build --quiet "${tested[@]}" --bins --test crash
}
