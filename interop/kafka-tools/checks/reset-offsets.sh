# kafka-consumer-groups --reset-offsets, in every form.

run_tool topics --create --topic "$t-re" --partitions 1 --config message.timestamp.before.max.ms=9223372036854775807 --config retention.ms=-1
run_tool topics --create --topic "$t-re2" --partitions 3
run_tool topics --create --topic "$t-re3" --partitions 1
# Offsets 0 to 2 are of 1970, 3 to 5 of today.
for time in 1000 2000 3000; do run_tool verifiable-producer --topic "$t-re" --max-messages 1 --message-create-time "$time"; done
lines x y z
run_tool console-producer --topic "$t-re"
run_tool producer-perf-test --topic "$t-re2" --num-records 30 --record-size 10 --throughput -1 --command-property batch.size=1
g=$t-reset
reset() { # name status pattern... -- option...
  local before=()
  while [ "$1" != -- ]; do before+=("$1"); shift; done
  shift
  expect "${before[@]}" -- consumer-groups --reset-offsets "$@"
}
committed() { # name offset: what the group has committed in the topic of one partition
  expect "reset: $1, committed" 0 "^$g +$t-re +0 +$2 +6 +$((6 - $2)) " -- consumer-groups --describe --group "$g"
}
one=(--group "$g" --topic "$t-re")
row="^$g +$t-re +0 +"

reset "reset: a group that is new, to the latest" 0 'GROUP +TOPIC +PARTITION +NEW-OFFSET' "${row}6" -- "${one[@]}" --to-latest --execute
committed "to the latest" 6
reset "reset: to the earliest, only a plan" 0 "${row}0" -- "${one[@]}" --to-earliest --dry-run
committed "only a plan" 6
reset "reset: to the earliest, a plan is the default" 0 "${row}0" 'WARN: No action will be performed|dry-run' -- "${one[@]}" --to-earliest
committed "a plan is the default" 6
reset "reset: to the earliest" 0 "${row}0" -- "${one[@]}" --to-earliest --execute
committed "to the earliest" 0
reset "reset: to an offset" 0 "${row}4" -- "${one[@]}" --to-offset 4 --execute
committed "to an offset" 4
reset "reset: to an offset beyond the end" 0 "${row}6" 'New offset .* is higher than latest offset' -- "${one[@]}" --to-offset 99 --execute
committed "to an offset beyond the end" 6
reset "reset: shift back" 0 "${row}1" -- "${one[@]}" --shift-by -5 --execute
committed "shift back" 1
reset "reset: shift on" 0 "${row}3" -- "${one[@]}" --shift-by 2 --execute
committed "shift on" 3
reset "reset: shift before the start" 0 "${row}0" 'New offset .* is lower than earliest offset' -- "${one[@]}" --shift-by -10 --execute
committed "shift before the start" 0
reset "reset: to a date" 0 "${row}3" -- "${one[@]}" --to-datetime 2001-01-01T00:00:00.000 --execute
committed "to a date" 3
reset "reset: to a date with a zone" 0 "${row}1" -- "${one[@]}" --to-datetime 1970-01-01T01:00:02.000+01:00 --execute
committed "to a date with a zone" 1
reset "reset: to a date after all" 0 "${row}6" -- "${one[@]}" --to-datetime 2222-01-01T00:00:00.000 --execute
committed "to a date after all" 6
reset "reset: by a duration" 0 "${row}3" -- "${one[@]}" --by-duration PT1H --execute
committed "by a duration" 3
reset "reset: by a duration of nothing" 0 "${row}6" -- "${one[@]}" --by-duration PT0S --execute
committed "by a duration of nothing" 6
reset "reset: to an offset, once more" 0 "${row}2" -- "${one[@]}" --to-offset 2 --execute
reset "reset: to the current" 0 "${row}2" -- "${one[@]}" --to-current --execute
committed "to the current" 2

reset "reset: some partitions" 0 "=2 ^$g +$t-re2 +[02] +0" "! $t-re2 +1" -- --group "$g" --topic "$t-re2:0,2" --to-earliest --execute
expect "reset: some partitions, committed" 0 "^$g +$t-re2 +0 +0 " "^$g +$t-re2 +2 +0 " "! ^$g +$t-re2 +1 +[0-9]" -- consumer-groups --describe --group "$g"
reset "reset: two topics" 0 "${row}0" "=3 ^$g +$t-re2 +[012] +0" -- --group "$g" --topic "$t-re" --topic "$t-re2" --to-earliest --execute
reset "reset: all topics" 0 "${row}6" "=3 ^$g +$t-re2 +[012] +[0-9]+" "! $t-re3" -- --group "$g" --all-topics --to-latest --execute
committed "all topics" 6
run_tool consumer-groups --reset-offsets --group "$g-2" --topic "$t-re" --to-latest --execute
reset "reset: two groups" 0 "^$g +$t-re +0 +0" "^$g-2 +$t-re +0 +0" -- --group "$g" --group "$g-2" --topic "$t-re" --to-earliest --execute
reset "reset: all groups" 0 "^$g +$t-re +0 +6" "^$g-2 +$t-re +0 +6" -- --all-groups --topic "$t-re" --to-latest --dry-run

reset "reset: export a plan" 0 "^\"?$t-re\"?,0,0$" '! NEW-OFFSET' -- "${one[@]}" --to-earliest --export
reset "reset: export a plan of two groups" 0 "^\"?$g\"?,\"?$t-re\"?,0,6$" "^\"?$g-2\"?,\"?$t-re\"?,0,6$" -- --group "$g" --group "$g-2" --topic "$t-re" --to-latest --export
printf '%s,0,5\n' "$t-re" > "$work/plan.csv"
reset "reset: from a file, only a plan" 0 "${row}5" -- --group "$g" --from-file "$work/plan.csv" --dry-run
committed "from a file, only a plan" 0
reset "reset: from a file" 0 "${row}5" -- --group "$g" --from-file "$work/plan.csv" --execute
committed "from a file" 5
printf '%s,%s,0,3\n' "$g" "$t-re" "$g-2" "$t-re" > "$work/plan.csv"
reset "reset: from a file of two groups" 0 "^$g +$t-re +0 +3" "^$g-2 +$t-re +0 +3" -- --group "$g" --group "$g-2" --from-file "$work/plan.csv" --execute
committed "from a file of two groups" 3

reset "reset: a topic that is not there" 0 'UnknownTopicOrPartitionException' -- --group "$g" --topic "$t-no" --to-earliest --execute
reset "reset: no scope" 1 'One of the reset scopes should be defined' -- --group "$g" --to-earliest --execute
reset "reset: no form" 1 '\[reset-offsets\].* requires one of the following scenarios' -- "${one[@]}" --execute
reset "reset: a date that is none" 0 'ParseException' -- "${one[@]}" --to-datetime tomorrow --execute
expect "reset: a member goes on from there" 0 '^x$' '^y$' '^z$' 'total of 3' -- console-consumer --topic "$t-re" --group "$g" --max-messages 3 --timeout-ms 15000
