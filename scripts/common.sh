# shellcheck shell=bash disable=SC2034
# Sourced by the scripts beside it: messages, places and the environment of the build. Changes to the project's folder.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Artifacts live outside the checkout, so that a second checkout on the same machine builds warm.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/fuseline/target}"
# The data of the examples.
export FUSELINE_DATA="${FUSELINE_DATA:-$HOME/.cache/fuseline/data}"
# NumPy's library chooses its kernels by the processor, and the last digits of products differ between them (difference 3): the
# tests compare with those for AVX2.
[ "$(uname -m)" != x86_64 ] || export OPENBLAS_CORETYPE=Haswell
# Machine code that the tests of the language have made, so that the same programs are not compiled again.
export FUSELINE_OBJECTS="${FUSELINE_OBJECTS:-$CARGO_TARGET_DIR/objects}"
# cargo and maturin must see the same pyo3 settings, else each would rebuild what the other has built.
export PYO3_BUILD_EXTENSION_MODULE=1
export PYO3_CONFIG_FILE="$CARGO_TARGET_DIR/fuseline-pyo3.txt"

LLVM_PREFIX="${LLVM_SYS_191_PREFIX:-/usr/lib/llvm-19}"
VENV="$PWD/.venv"
# The CPython that the corpora are compared with.
export FUSELINE_PYTHON="${FUSELINE_PYTHON:-$VENV/bin/python}"

say() { printf '== %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

# run_quietly LOG COMMAND...: shows the output only when the command fails.
run_quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        fail "this command failed: $*" "its whole output is in $log"
    fi
}

# copy_if_changed FROM TO: replaces the file at once, even while it runs.
copy_if_changed() {
    if ! cmp -s "$1" "$2"; then
        mkdir -p "$(dirname "$2")"
        cp "$1" "$2.new"
        mv "$2.new" "$2"
    fi
}
