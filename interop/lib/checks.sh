# Counting checks, and a folder $work for the script's own files. A folder's run ends with `finish`, whose last line `N passed, N failed` is what interop/run reads. Sourced.
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
passed=0
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/interop.XXXXXX")

# Commands for the end of the script, however it comes; the last that was added runs first.
exits=('rm -rf "$work"')
at_exit() { exits=("$1" "${exits[@]}"); } # command
run_exits() {
  local status=$? command
  for command in "${exits[@]}"; do eval "$command"; done
  exit "$status"
}
trap run_exits EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

pass() { # name
  passed=$((passed + 1))
  echo "ok   $1"
}

fail() { # name what-happened
  failed=$((failed + 1))
  echo "FAIL $1"
  sed 's/^/     | /' <<<"${2:-}"
}

# Adds up a program's own last line `N passed, N failed`; a program that did not print one failed.
count() { # name file exit-status
  local totals
  grep -vE '^[0-9]+ passed, [0-9]+ failed$' "$2"
  if totals=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$2" | tail -1) && [ -n "$totals" ]; then
    set -- "$1" "$2" "$3" $totals
    passed=$((passed + $4)) failed=$((failed + $6))
    [ "$3" -eq 0 ] || [ "$6" -gt 0 ] || fail "$1" "exit status $3"
  else
    fail "$1" "it ended before its totals, exit status $3"
  fi
}

# The folder cannot run here at all. That is a failure: nothing was shown.
cannot() { # why
  node_damaged=yes
  fail "set-up" "$1"
  finish
}

finish() {
  if declare -F node_verify > /dev/null; then node_verify; fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit $?
}
