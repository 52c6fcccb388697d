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
  (cd "$1" && timeout 900 nice -n 10 cargo build --locked --quiet) > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
}

# Runs it against the node, and counts its checks.
rust_run() { # [name]
  timeout 250 "$rust_program" "$BOOTSTRAP" "$@" > "$work/checks" 2> "$work/errors"
  count "$(basename "$rust_program")" "$work/checks" $?
}

# The integration tests of the crate that a folder's package is named after, as they were published: beside a copy of the package,
# whose lock and whose compiled dependencies they share. Leaves `cargo test` and its arguments in $rust_tests.
rust_build_tests() { # folder
  rust_prepare
  local name copy sources
  name=$(basename "$1")
  copy=$INTEROP_CACHE/rust-tests/interop/$name
  sources=$(cd "$1" && cargo metadata --locked --format-version 1 2> "$work/build" |
    grep -o '"manifest_path":"[^"]*/'"$name"'-[0-9][^"]*/Cargo.toml"' | cut -d'"' -f4) || cannot "$(cat "$work/build")"
  rm -rf "$copy"
  mkdir -p "$copy" "$INTEROP_CACHE/rust-tests/interop/lib"
  cp -rp "$1/../lib/rust" "$INTEROP_CACHE/rust-tests/interop/lib"
  cp -rp "$1"/{Cargo.toml,Cargo.lock,src} "$(dirname "$sources")/tests" "$copy"
  rust_tests=(cargo test --locked --manifest-path "$copy/Cargo.toml" --no-fail-fast)
  # In the folder, for the toolchain that this repository pins.
  cd "$1" || cannot "there is no $1"
  timeout 900 nice -n 10 "${rust_tests[@]}" --tests --quiet --no-run > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
}
