# The pinned JavaScript packages of a folder, and running what needs them. Sourced after checks.sh.
javascript_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/javascript

# Leaves in $packages the node_modules of a folder in the cache, which is named by the lock file's content.
javascript_install() { # folder-with-lock-file
  local out
  out=$INTEROP_CACHE/$(basename "$1")-$(sha256sum < "$1/package-lock.json" | cut -c1-16)
  packages=$out/node_modules
  [ -f "$out/.complete" ] && return
  command -v npm > /dev/null || cannot "node and npm are needed (Node.js 18 or newer)"
  rm -rf "$out"
  mkdir -p "$out"
  cp "$1/package.json" "$1/package-lock.json" "$out/"
  (cd "$out" && timeout 900 npm ci --no-audit --no-fund) > "$work/npm" 2>&1 || cannot "$(tail -15 "$work/npm")"
  touch "$out/.complete"
}

# Says which version of the client is installed.
javascript_client() { # folder [package, where the folder is not named like it]
  local package=${2:-$(basename "$1")}
  echo "client: $(basename "$1") $(node -p 'require(process.argv[1]).version' "$packages/$package/package.json")"
}

# Runs the folder's checks.js against the node, and counts its checks.
javascript_checks() { # folder seconds [name]
  local status
  NODE_PATH=$packages:$javascript_lib timeout "$2" node "$1/checks.js" "$BOOTSTRAP" "${@:3}" > "$work/checks" 2>&1
  status=$?
  count "$(basename "$1")" "$work/checks" "$status"
}
