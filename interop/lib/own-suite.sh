# A client's own published test suite, unmodified, against a fresh node. Sourced after checks.sh and node.sh.
#
# A folder's script own-suite prepares the suite (pinned, in the cache), and then:
#
#   own_suite_node [key=value...]                 a fresh node, or the broker at $BOOTSTRAP
#   timeout 300 the-suite > "$work/out" 2>&1      however the suite is pointed at $BOOTSTRAP
#   own_suite_judge $? junit FILE...              or: go FILE, cargo FILE, lines FILE; prints the totals, ends the script
#
# The files are what the suite printed: JUnit's XML, the lines of `go tool test2json`, the output of `cargo test`, or lines that the
# script made itself: `ok CASE`, `FAIL CASE` (with indented lines below it that tell why), `skip CASE`.
#
# The cases that are known to fail stand in own-suite.failing beside the script, one a line: CASE, a tab, the reason. CASE may be
# a shell pattern; a line that starts with # is a comment. A reason that starts with `Apache Kafka too:` is of a case that Apache
# Kafka fails here as well, and with INTEROP_TARGET=kafka only those are known. A reason that starts with `At times:` is of a race in
# the client or its suite. A failing case that is not listed fails the script, and so does a listed one that does not fail, but for
# those of a race: the list only shrinks.
own_suite_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The broker that most of these suites are written for.
own_suite_node() { # key=value of further properties...
  node_id=0
  node_start num.partitions=3 auto.create.topics.enable=true group.initial.rebalance.delay.ms=0 "$@"
}

own_suite_judge() { # exit-status-of-the-suite format file...
  local status=$1 format=$2 results=$work/own-suite.results
  shift 2
  if [ "$format" = lines ]; then cat "$@"
  else python3 "$own_suite_lib/own-suite-cases" "$format" "$@"; fi > "$results"
  own_suite_totals "$status" "$results" "$here/own-suite.failing"
}

# Judges lines of results against the list, prints both and the totals, and ends the script.
own_suite_totals() { # exit-status-of-the-suite results list
  local status=$1 line name i unexpected=0 skipped=0 shown=''
  local -a patterns=() reasons=() hits=()
  own_suite_known "$3"
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line#* } name=${name#"${name%%[! ]*}"}
    case $line in
      'ok '*) passed=$((passed + 1)) shown='' ; echo "ok   $name" ;;
      'skip '*) skipped=$((skipped + 1)) shown='' ; echo "skip $name" ;;
      'FAIL '*)
        failed=$((failed + 1)) shown=''
        if own_suite_find "$name"; then echo "known $name: ${reasons[i]}"
        else unexpected=$((unexpected + 1)) shown=yes; echo "FAIL $name"; fi ;;
      ' '*) [ -z "$shown" ] || echo "     | ${line#"${line%%[! ]*}"}" ;;
      *) unexpected=$((unexpected + 1)); echo "FAIL own-suite: not a result: $line" ;;
    esac
  done < "$2"
  for i in "${!patterns[@]}"; do
    [[ -n ${hits[i]} || ${reasons[i]} == 'At times:'* ]] && continue
    unexpected=$((unexpected + 1))
    echo "FAIL own-suite.failing lists what does not fail: ${patterns[i]}"
  done
  # What ended by a signal or by its deadline did not run every case, whatever the others say.
  if [ "$status" -ge 124 ] || { [ "$status" -ne 0 ] && [ "$failed" = 0 ]; }; then
    unexpected=$((unexpected + 1))
    echo "FAIL own-suite: the suite ended with exit status $status"
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$unexpected" = 0 ] && [ "$passed" -gt 0 ]
  exit $?
}

# Reads the list into the caller's patterns and reasons.
own_suite_known() { # list
  local pattern reason
  [ -f "$1" ] || return 0
  while IFS=$'\t' read -r pattern reason || [ -n "$pattern" ]; do
    [[ -z $pattern || $pattern == '#'* ]] && continue
    if [ -z "$reason" ]; then
      unexpected=$((unexpected + 1))
      echo "FAIL own-suite.failing gives no reason: $pattern"
    fi
    [ "${INTEROP_TARGET:-}" != kafka ] || [[ $reason == 'Apache Kafka too:'* ]] || continue
    patterns+=("$pattern") reasons+=("$reason") hits+=('')
  done < "$1"
}

# Is the case listed? Leaves its place in the caller's i, and marks every line that it matches.
own_suite_find() { # case
  local place found=''
  for place in "${!patterns[@]}"; do
    # First to the letter: the names of parametrised cases have brackets.
    [[ $1 == "${patterns[place]}" || $1 == ${patterns[place]} ]] || continue
    hits[place]=yes
    [ -n "$found" ] || { found=yes i=$place; }
  done
  [ -n "$found" ]
}
