# Building and running a folder's Rust program. Sourced after checks.sh; rust_run needs a node.

# What cargo needs to build with the librdkafka of ours, and what such programs need to find it.
rust_prepare() {
  command -v cargo > /dev/null || cannot "cargo is needed"
  local librdkafka
  librdkafka=$("$(dirname "${BASH_SOURCE[0]}")/get-rdkafka" 2> "$work/build") || cannot "$(cat "$work/build")"
  export PKG_CONFIG_PATH=$librdkafka/lib/pkgconfig LD_LIBRARY_PATH=$librdkafka/lib
  # One folder for all: what two of them use is compiled once.
  export CARGO_TARGET_DIR=$INTEROP_CACHE/rust
}

# Builds the package of a folder, whose Cargo.lock pins what it needs.
rust_build() { # folder
  rust_prepare
  rust_program=$CARGO_TARGET_DIR/debug/interop-$(basename "$1")
  # In the folder, for the toolchain that this repository pins.
  (cd "$1" && timeout 580 nice -n 10 cargo build --locked --quiet) > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
}

# Runs it against the node, and counts its checks.
rust_run() { # [name]
  timeout 250 "$rust_program" "$BOOTSTRAP" "$@" > "$work/checks" 2> "$work/errors"
  count "$(basename "$rust_program")" "$work/checks" $?
}
