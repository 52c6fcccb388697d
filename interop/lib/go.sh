# Building and running a folder's Go program. Sourced after checks.sh; go_run needs a node.

# Builds the module of a folder, whose go.mod and go.sum pin what it needs.
go_build() { # folder
  command -v go > /dev/null || cannot "go is needed (1.26 or newer)"
  export GOPATH=$INTEROP_CACHE/go GOMODCACHE=$INTEROP_CACHE/go/mod GOCACHE=$INTEROP_CACHE/go/build GOFLAGS='-mod=readonly -modcacherw'
  go_program=$INTEROP_CACHE/go/checks/$(basename "$1")
  # Go itself knows what is up to date.
  (cd "$1" && timeout 500 go vet . && timeout 500 go build -o "$go_program" .) > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
}

# Runs it against the node, and counts its checks.
go_run() { # [name]
  local status
  timeout 200 "$go_program" "$BOOTSTRAP" "$@" > "$work/checks" 2> "$work/errors"
  status=$?
  count "$(basename "$go_program")" "$work/checks" "$status"
}
