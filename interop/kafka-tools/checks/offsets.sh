# kafka-get-offsets with every --time, kafka-delete-records, kafka-log-dirs.

run_tool topics --create --topic "$t-o" --partitions 3
run_tool topics --create --topic "$t-o2" --partitions 1
for i in 1 2 3; do
  lines "a$i" "b$i"
  run_tool console-producer --topic "$t-o2"
done
run_tool topics --create --topic "$t-ot" --partitions 1 --config message.timestamp.before.max.ms=9223372036854775807 --config retention.ms=-1
for time in 1000 2000 3000; do
  expect "produce at the time $time" 0 '"acked":1' -- verifiable-producer --topic "$t-ot" --max-messages 1 --message-create-time "$time"
done

expect "offsets: of a topic" 0 "=1 ^$t-o:0:0$" "=1 ^$t-o:1:0$" "=1 ^$t-o:2:0$" "! $t-o2" -- get-offsets --topic "$t-o"
expect "offsets: latest" 0 "^$t-o2:0:6$" -- get-offsets --topic "$t-o2" --time latest
expect "offsets: -1" 0 "^$t-o2:0:6$" -- get-offsets --topic "$t-o2" --time -1
expect "offsets: earliest" 0 "^$t-o2:0:0$" -- get-offsets --topic "$t-o2" --time earliest
expect "offsets: -2" 0 "^$t-o2:0:0$" -- get-offsets --topic "$t-o2" --time -2
expect "offsets: max-timestamp" 0 "^$t-o2:0:[45]$" -- get-offsets --topic "$t-o2" --time max-timestamp
expect "offsets: -3" 0 "^$t-ot:0:2$" -- get-offsets --topic "$t-ot" --time -3
expect "offsets: max-timestamp of an empty partition" 0 "! ^$t-o:0:[0-9]" -- get-offsets --topic "$t-o" --time max-timestamp --partitions 0
expect "offsets: earliest-local" 0 "^$t-o2:0:0$" -- get-offsets --topic "$t-o2" --time earliest-local
expect "offsets: -4" 0 "^$t-o2:0:0$" -- get-offsets --topic "$t-o2" --time -4
expect "offsets: latest-tiered" 0 "! ^$t-o2:0:[1-9]" '! Exception' -- get-offsets --topic "$t-o2" --time latest-tiered
expect "offsets: -5" 0 "! ^$t-o2:0:[1-9]" '! Exception' -- get-offsets --topic "$t-o2" --time -5
expect "offsets: at a time" 0 "^$t-ot:0:1$" -- get-offsets --topic "$t-ot" --time 1001
expect "offsets: at the very time of a record" 0 "^$t-ot:0:2$" -- get-offsets --topic "$t-ot" --time 3000
expect "offsets: at a time before all" 0 "^$t-ot:0:0$" -- get-offsets --topic "$t-ot" --time 1
expect "offsets: at a time after all" 0 "! ^$t-ot:0:[0-9]" -- get-offsets --topic "$t-ot" --time 99999
expect "offsets: some partitions" 0 "=1 ^$t-o:0:0$" "=1 ^$t-o:2:0$" "! ^$t-o:1" -- get-offsets --topic "$t-o" --partitions 0,2
expect "offsets: topics by expression" 0 "^$t-o:0:0$" "^$t-o2:0:6$" "^$t-ot:0:3$" -- get-offsets --topic "$t-o.*"
expect "offsets: patterns of partitions" 0 "^$t-o:0:0$" "^$t-o:1:0$" "! ^$t-o:2" "^$t-o2:0:6$" "! ^$t-ot" -- get-offsets --topic-partitions "$t-o:0-2,$t-o2"
expect "offsets: all topics without internal ones" 0 "^$t-o2:0:6$" '! ^__' -- get-offsets --exclude-internal-topics
expect "offsets: topic that is not there" 1 'Could not match any topic-partitions' -- get-offsets --topic "$t-no"
expect "offsets: a time that is none" 1 'Malformed time argument' -- get-offsets --topic "$t-o" --time noon

delete_records() { # partition-and-offset-json...
  printf '{"version":1,"partitions":[%s]}' "$1" > "$work/delete.json"
}
delete_records "{\"topic\":\"$t-o2\",\"partition\":0,\"offset\":2}"
expect "delete records up to an offset" 0 "partition: $t-o2-0[[:space:]]+low_watermark: 2" -- delete-records --offset-json-file "$work/delete.json"
expect "delete records, earliest moved" 0 "^$t-o2:0:2$" -- get-offsets --topic "$t-o2" --time earliest
expect "delete records, what is left" 0 '! ^a1$' '! ^b1$' '^a2$' 'total of 4' -- console-consumer --topic "$t-o2" --from-beginning --max-messages 4 --timeout-ms 15000
delete_records "{\"topic\":\"$t-o2\",\"partition\":0,\"offset\":1}"
expect "delete records again, further back" 0 "low_watermark: 2" -- delete-records --offset-json-file "$work/delete.json"
delete_records "{\"topic\":\"$t-o2\",\"partition\":0,\"offset\":99}"
expect "delete records beyond the end" 0 'OffsetOutOfRangeException' -- delete-records --offset-json-file "$work/delete.json"
delete_records "{\"topic\":\"$t-o2\",\"partition\":0,\"offset\":-1}"
expect "delete all records" 0 "low_watermark: 6" -- delete-records --offset-json-file "$work/delete.json"
expect "delete all records, none is left" 0 "^$t-o2:0:6$" -- get-offsets --topic "$t-o2" --time earliest
lines after
expect "produce after the deletion of all records" 0 '! ERROR' -- console-producer --topic "$t-o2"
expect "consume after the deletion of all records" 0 '^Partition:0.Offset:6.after$' -- console-consumer --topic "$t-o2" --from-beginning --max-messages 1 \
  --timeout-ms 15000 --formatter-property print.offset=true --formatter-property print.partition=true
printf 'default.api.timeout.ms=3000\nrequest.timeout.ms=2000\n' > "$work/hasty.properties"
delete_records "{\"topic\":\"$t-no\",\"partition\":0,\"offset\":1}"
expect "delete records of a topic that is not there" 0 'UnknownTopicOrPartitionException|TimeoutException' -- delete-records --offset-json-file "$work/delete.json" \
  --command-config "$work/hasty.properties"
run_tool topics --create --topic "$t-oc" --partitions 1 --config cleanup.policy=compact
delete_records "{\"topic\":\"$t-oc\",\"partition\":0,\"offset\":0}"
expect "delete records of a compacted topic" 0 'PolicyViolationException' -- delete-records --offset-json-file "$work/delete.json"

expect "log dirs: all" 0 '"version":1' '"brokers":\[\{"broker":1,"logDirs":\[' "\"partition\":\"$t-o2-0\"" '"error":null' '"isFuture":false' -- log-dirs --describe
expect "log dirs: some topics" 0 "\"partition\":\"$t-o-0\"" "\"partition\":\"$t-o-2\"" "! $t-o2-0" -- log-dirs --describe --topic-list "$t-o"
expect "log dirs: a size" 0 "\"partition\":\"$t-ot-0\",\"size\":[1-9][0-9]*|\"size\":[1-9][0-9]*,.*\"partition\":\"$t-ot-0\"" -- log-dirs --describe --topic-list "$t-ot" --broker-list 1
expect "log dirs: a broker that is not there" 1 'not exist|nonexist' -- log-dirs --describe --broker-list 97
