# kafka-consumer-groups: list, describe, delete, delete-offsets, validate-regex; kafka-groups.

run_tool topics --create --topic "$t-gr" --partitions 3
run_tool topics --create --topic "$t-gr2" --partitions 1
run_tool producer-perf-test --topic "$t-gr" --num-records 30 --record-size 10 --throughput -1 --command-property batch.size=1
lines x y
run_tool console-producer --topic "$t-gr2"
for group in idle idle2 idle3; do
  run_tool console-consumer --topic "$t-gr" --group "$t-$group" --from-beginning --max-messages 30 --timeout-ms 15000
done
run_tool console-consumer --topic "$t-gr2" --group "$t-idle" --from-beginning --max-messages 2 --timeout-ms 15000
background "$work/member1" console-consumer --topic "$t-gr" --group "$t-busy" --from-beginning --command-property client.id=first
background "$work/member2" console-consumer --topic "$t-gr" --group "$t-busy" --from-beginning \
  --command-property client.id=second --command-property session.timeout.ms=6000 --command-property group.instance.id=instance-2
if await "$t-busy .* Stable +2" consumer-groups --describe --group "$t-busy" --state; then pass "groups: two members form a group"
else fail "groups: two members form a group" "$(cat "$output")"; fi
lines new
run_tool console-producer --topic "$t-gr2"

expect "groups: list" 0 "^$t-idle$" "^$t-busy$" -- consumer-groups --list
expect "groups: list with states" 0 'GROUP +STATE' "^$t-idle +Empty" "^$t-busy +Stable" -- consumer-groups --list --state
expect "groups: list those in a state" 0 "^$t-busy +Stable" "! ^$t-idle" -- consumer-groups --list --state stable
expect "groups: list those in one of two states" 0 "^$t-busy +Stable" "^$t-idle +Empty" -- consumer-groups --list --state Stable,Empty
expect "groups: list those in a state that is none" 1 'Invalid state list' -- consumer-groups --list --state asleep
expect "groups: list with types" 0 'GROUP +TYPE' "^$t-idle +Classic" "^$t-busy +Classic" -- consumer-groups --list --type
expect "groups: list those of a type" 0 "^$t-busy +Classic" -- consumer-groups --list --type classic
expect "groups: list those of another type" 0 "! ^$t" -- consumer-groups --list --type consumer
expect "groups: list those of a type that is none" 1 'Invalid types list' -- consumer-groups --list --type heavy
expect "groups: list with states and types" 0 'GROUP +TYPE +STATE' "^$t-idle +Classic +Empty" "^$t-busy +Classic +Stable" -- consumer-groups --list --state --type
expect "groups: list those of a state and a type" 0 "^$t-busy +Classic +Stable" "! ^$t-idle" -- consumer-groups --list --state stable --type classic
expect "groups: every kind of group" 0 'GROUP +TYPE +PROTOCOL' "^$t-busy +Classic +consumer" -- groups --list
expect "groups: every group of a type" 0 "^$t-busy +Classic +consumer" -- groups --list --group-type classic
expect "groups: every group of consumers" 0 "^$t-busy +Classic +consumer" -- groups --list --consumer
expect "groups: every group of a protocol" 0 "^$t-busy +Classic +consumer" -- groups --list --protocol consumer
expect "groups: every group of another protocol" 0 "! ^$t-busy" -- groups --list --protocol connect

expect "groups: describe" 0 'GROUP +TOPIC +PARTITION +CURRENT-OFFSET +LOG-END-OFFSET +LAG +CONSUMER-ID +HOST +CLIENT-ID' \
  "Consumer group '$t-idle' has no active members" "=3 ^$t-idle +$t-gr +[012] +([0-9]+) +\1 +0 +- +- +-" "^$t-idle +$t-gr2 +0 +2 +3 +1 " -- consumer-groups --describe --group "$t-idle"
expect "groups: describe offsets" 0 "=3 ^$t-idle +$t-gr " -- consumer-groups --describe --group "$t-idle" --offsets
expect "groups: describe offsets of members" 0 "=3 ^$t-busy +$t-gr +[012] .* (first|instance-2)-[0-9a-f-]{36} +/127.0.0.1 +(first|second)" -- consumer-groups --describe --group "$t-busy"
expect "groups: describe offsets, verbose" 0 'LEADER-EPOCH' "=3 ^$t-busy +$t-gr " -- consumer-groups --describe --group "$t-busy" --offsets --verbose
expect "groups: describe members" 0 'GROUP +CONSUMER-ID +(GROUP-INSTANCE-ID +)?HOST +CLIENT-ID +#PARTITIONS' "=2 ^$t-busy " \
  "^$t-busy +first-[0-9a-f-]{36} +.*/127.0.0.1 +first +[12]" "^$t-busy +instance-2-[0-9a-f-]{36} +instance-2 +/127.0.0.1 +second +[12]" -- consumer-groups --describe --group "$t-busy" --members
expect "groups: describe members, verbose" 0 'ASSIGNMENT' "=2 ^$t-busy .* $t-gr:[012]" -- consumer-groups --describe --group "$t-busy" --members --verbose
expect "groups: describe members of an empty group" 0 "has no active members" -- consumer-groups --describe --group "$t-idle" --members
expect "groups: describe the state" 0 'GROUP +COORDINATOR \(ID\) +ASSIGNMENT-STRATEGY +STATE +#MEMBERS' \
  "^$t-busy +127.0.0.1:${BOOTSTRAP#*:} +\([0-9]+\) +range +Stable +2" -- consumer-groups --describe --group "$t-busy" --state
expect "groups: describe the state, verbose" 0 "^$t-busy .*Stable" -- consumer-groups --describe --group "$t-busy" --state --verbose
expect "groups: describe the state of an empty group" 0 "^$t-idle .*Empty +0" -- consumer-groups --describe --group "$t-idle" --state
expect "groups: describe two groups" 0 "^$t-idle +$t-gr " "^$t-idle2 +$t-gr " -- consumer-groups --describe --group "$t-idle" --group "$t-idle2"
expect "groups: describe all" 0 "^$t-idle +$t-gr " "^$t-busy +$t-gr " -- consumer-groups --describe --all-groups
expect "groups: describe the states of all" 0 "^$t-idle .*Empty" "^$t-busy .*Stable" -- consumer-groups --describe --all-groups --state
expect "groups: describe the members of all" 0 "=2 ^$t-busy " -- consumer-groups --describe --all-groups --members
expect "groups: describe one that is not there" 0 "GroupIdNotFoundException: Group $t-no not found" -- consumer-groups --describe --group "$t-no"

expect "groups: delete a busy one" 0 'GroupNotEmptyException' -- consumer-groups --delete --group "$t-busy"
expect "groups: delete offsets of a busy one" 0 'GroupSubscribedToTopic|actively subscribed' -- consumer-groups --delete-offsets --group "$t-busy" --topic "$t-gr"
expect "groups: reset offsets of a busy one" 0 'inactive, but the current state is Stable' -- \
  consumer-groups --reset-offsets --group "$t-busy" --topic "$t-gr" --to-earliest --execute
background_stop
# A static member does not leave: its session ends.
if await "$t-busy .*Empty" consumer-groups --describe --group "$t-busy" --state; then pass "groups: empty after its members left"
else fail "groups: empty after its members left" "$(cat "$output")"; fi

expect "groups: delete offsets of a partition" 0 'Successful' -- consumer-groups --delete-offsets --group "$t-idle" --topic "$t-gr:0"
expect "groups: deleted offsets of a partition" 0 "! ^$t-idle +$t-gr +0" "^$t-idle +$t-gr +1" -- consumer-groups --describe --group "$t-idle"
expect "groups: delete offsets of a topic" 0 'Successful' -- consumer-groups --delete-offsets --group "$t-idle" --topic "$t-gr"
expect "groups: deleted offsets of a topic" 0 "! ^$t-idle +$t-gr " "^$t-idle +$t-gr2 +0" -- consumer-groups --describe --group "$t-idle"
expect "groups: delete offsets of a topic that is not there" 0 'UnknownTopicOrPartition' -- consumer-groups --delete-offsets --group "$t-idle" --topic "$t-no"
expect "groups: delete offsets of a group that is not there" 0 'GroupIdNotFoundException' -- consumer-groups --delete-offsets --group "$t-no" --topic "$t-gr"
expect "groups: delete" 0 "Deletion of requested consumer groups \('$t-idle'\) was successful" -- consumer-groups --delete --group "$t-idle"
expect "groups: deleted" 0 "! ^$t-idle$" "^$t-idle2$" -- consumer-groups --list
expect "groups: delete two" 0 'was successful' -- consumer-groups --delete --group "$t-idle2" --group "$t-busy"
expect "groups: deleted two" 0 "! ^$t-idle2$" "! ^$t-busy" "^$t-idle3$" -- consumer-groups --list
expect "groups: delete one that is not there" 0 'GroupIdNotFoundException' -- consumer-groups --delete --group "$t-no"
expect "groups: a good expression" 0 'is valid' -- consumer-groups --validate-regex 'a.*'
expect "groups: a bad expression" 0 'is invalid: missing closing \)' -- consumer-groups --validate-regex 'a('
