# Building and running a folder's Go program, and the tests of the client that it is about. Sourced after checks.sh; go_run needs a node.

# What Go downloads and compiles is in the cache. Go itself knows what is up to date.
go_environment() {
  command -v go > /dev/null || cannot "go is needed (1.26 or newer)"
  export GOPATH=$INTEROP_CACHE/go GOMODCACHE=$INTEROP_CACHE/go/mod GOCACHE=$INTEROP_CACHE/go/build GOFLAGS='-mod=readonly -modcacherw'
}

# Builds the module of a folder, whose go.mod and go.sum pin what it needs.
go_build() { # folder
  go_environment
  go_program=$INTEROP_CACHE/go/checks/$(basename "$1")
  (cd "$1" && timeout 500 go vet . && timeout 500 go build -o "$go_program" .) > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
}

# Builds the tests of a package that a folder's module needs, in the version that is pinned there: $go_tests, and $go_package_dir, where
# such tests run.
go_build_tests() { # folder package
  go_environment
  go_tests=$INTEROP_CACHE/go/tests/$(basename "$1")
  (cd "$1" && timeout 500 go test -c -o "$go_tests" "$2") > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
  # Go compiles this tool when it is first used, which is not the tests' time.
  timeout 500 go tool test2json < /dev/null > "$work/build" 2>&1 || cannot "$(tail -20 "$work/build")"
  go_package_dir=$(cd "$1" && go list -f '{{.Dir}}' "$2") || cannot "there is no folder of $2"
}

# Runs them for so many seconds, and tells of them as go test -json does.
go_run_tests() { # seconds flag...
  (cd "$go_package_dir" && timeout --kill-after=10 $(($1 + 20)) go tool test2json -t "$go_tests" -test.v=test2json -test.timeout "$1s" "${@:2}")
}

# Runs it against the node, and counts its checks.
go_run() { # [name]
  local status
  timeout 200 "$go_program" "$BOOTSTRAP" "$@" > "$work/checks" 2> "$work/errors"
  status=$?
  count "$(basename "$go_program")" "$work/checks" "$status"
}
