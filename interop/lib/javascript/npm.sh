# Installing the pinned packages of a JavaScript folder. Sourced after checks.sh.

# Prints the folder with node_modules in the cache, which is named by the lock file's content.
npm_install() { # folder-with-lock-file
  local out=$INTEROP_CACHE/$(basename "$1")-$(sha256sum < "$1/package-lock.json" | cut -c1-16)
  if [ ! -f "$out/.complete" ]; then
    command -v npm > /dev/null || { echo "node and npm are needed (Node.js 18 or newer)"; return 1; }
    rm -rf "$out"
    mkdir -p "$out"
    cp "$1/package.json" "$1/package-lock.json" "$out/"
    (cd "$out" && timeout 900 npm ci --no-audit --no-fund) > "$work/npm" 2>&1 || { tail -15 "$work/npm"; return 1; }
    touch "$out/.complete"
  fi
  echo "$out"
}
