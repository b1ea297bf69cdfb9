# Shared by the scripts of this folder: source it.
# shellcheck shell=bash

CONTRACTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    echo "error: $*" >&2
    exit 1
}

# Prints the path of the native binary of a Foundry command: forge, cast or anvil. The npm packages' own launchers exit 0
# when a build or a test fails, so they are never used.
foundry() {
    local os arch binary
    case $(uname -s) in
        Linux) os=linux ;;
        Darwin) os=darwin ;;
        *) os=win32 ;;
    esac
    case $(uname -m) in
        x86_64 | amd64) arch=amd64 ;;
        *) arch=arm64 ;;
    esac
    binary="$CONTRACTS_DIR/node_modules/@foundry-rs/$1-$os-$arch/bin/$1"
    [ -x "$binary" ] || binary=$(command -v "$1") || fail "$1 is not installed: run contracts/tools/install.sh"
    echo "$binary"
}
