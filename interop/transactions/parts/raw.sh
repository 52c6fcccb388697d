# Single requests in every version and out of order, beside what Apache Kafka answered: raw/expected.txt. With INTEROP_RECORD=1 that
# file is written anew, and should be so against Apache Kafka only. Sourced by run.
raw_classes=$(compile "$newest/*" "$here"/raw/*.java) || cannot "the program of raw requests could not be compiled"
raw_mode=check
[ "${INTEROP_TARGET:-}" = kafka ] && raw_mode=kafka
[ -n "${INTEROP_RECORD:-}" ] && raw_mode=record
timeout 300 java "${java_options[@]}" -cp "$newest/*:$raw_classes" Raw "$BOOTSTRAP" "$here/raw/expected.txt" "$raw_mode" "$only" > "$work/checks" 2> "$work/errors"
status=$?
[ "$status" = 0 ] || grep -vE "^\s+(at|\.\.\.) " "$work/errors" | tail -20
clients+=("raw requests")
count raw "$work/checks" "$status"
