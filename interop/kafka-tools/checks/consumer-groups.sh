# kafka-consumer-groups and kafka-groups on a group of the consumer protocol (KIP-848).

run_tool topics --create --topic "$t-cg" --partitions 3
run_tool producer-perf-test --topic "$t-cg" --num-records 30 --record-size 10 --throughput -1 --command-property batch.size=1
background "$work/member" console-consumer --topic "$t-cg" --group "$t-new" --from-beginning \
  --command-property client.id=first --command-property group.protocol=consumer
if await "$t-new .* uniform +Stable +1" consumer-groups --describe --group "$t-new" --state; then pass "consumer groups: a member forms a group"
else fail "consumer groups: a member forms a group" "$(cat "$output")"; fi

expect "consumer groups: list with states and types" 0 "^$t-new +Consumer +Stable" -- consumer-groups --list --state --type
expect "consumer groups: list those of the type" 0 "^$t-new +Consumer" -- consumer-groups --list --type consumer
expect "consumer groups: list those of another type" 0 "! ^$t-new" -- consumer-groups --list --type classic
expect "consumer groups: every kind of group" 0 "^$t-new +Consumer +consumer" -- groups --list
if await "^$t-new +$t-cg +2 +([0-9]+) +\1 +0 +[A-Za-z0-9_-]{22} +/127.0.0.1 +first" consumer-groups --describe --group "$t-new"; then
  pass "consumer groups: describe offsets"; else fail "consumer groups: describe offsets" "$(cat "$output")"; fi
expect "consumer groups: describe members, verbose" 0 'CURRENT-EPOCH +CURRENT-ASSIGNMENT +TARGET-EPOCH +TARGET-ASSIGNMENT' \
  "^$t-new +[A-Za-z0-9_-]{22} +/127.0.0.1 +first +3 +2 +$t-cg:0,1,2 +2 +$t-cg:0,1,2" -- consumer-groups --describe --group "$t-new" --members --verbose
expect "consumer groups: describe the state, verbose" 0 "^$t-new .* uniform +Stable +2 +2 +1" -- consumer-groups --describe --group "$t-new" --state --verbose
expect "consumer groups: delete a busy one" 0 'GroupNotEmptyException' -- consumer-groups --delete --group "$t-new"
expect "consumer groups: delete offsets of a busy one" 0 'GroupSubscribedToTopic|actively subscribed' -- consumer-groups --delete-offsets --group "$t-new" --topic "$t-cg"
expect "consumer groups: reset offsets of a busy one" 0 'inactive, but the current state is Stable' -- \
  consumer-groups --reset-offsets --group "$t-new" --topic "$t-cg" --to-earliest --execute
background_stop
if await "$t-new .*Empty +0" consumer-groups --describe --group "$t-new" --state; then pass "consumer groups: empty after its member left"
else fail "consumer groups: empty after its member left" "$(cat "$output")"; fi
expect "consumer groups: reset offsets" 0 "=3 ^$t-new +$t-cg +[012] +0" -- consumer-groups --reset-offsets --group "$t-new" --topic "$t-cg" --to-earliest --execute
expect "consumer groups: a property of the group" 0 'Completed updating config' -- \
  configs --alter --entity-type groups --entity-name "$t-new" --add-config consumer.session.timeout.ms=50000
expect "consumer groups: the property of the group" 0 'consumer.session.timeout.ms=50000' -- configs --describe --entity-type groups --entity-name "$t-new"
expect "consumer groups: delete offsets" 0 'Successful' -- consumer-groups --delete-offsets --group "$t-new" --topic "$t-cg:0"
expect "consumer groups: delete" 0 "Deletion of requested consumer groups \('$t-new'\) was successful" -- consumer-groups --delete --group "$t-new"
expect "consumer groups: deleted" 0 "! ^$t-new$" -- consumer-groups --list
