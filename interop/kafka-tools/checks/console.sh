# kafka-console-producer, kafka-console-consumer.

create() { # topic partitions option...
  local topic=$1 partitions=$2
  shift 2
  run_tool topics --create --topic "$topic" --partitions "$partitions" "$@"
}
quick=(--timeout-ms 15000)

# First, because Apache Kafka answers the creation of a topic a moment before its properties are in force.
create "$t-compact" 1 --config cleanup.policy=compact
create "$t-small" 1 --config max.message.bytes=200
create "$t-append" 1 --config message.timestamp.type=LogAppendTime
create "$t-p" 1
lines one two three
expect "produce lines" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-p"
expect "consume from the beginning" 0 '^one$' '^two$' '^three$' 'Processed a total of 3 messages' -- \
  console-consumer --topic "$t-p" --from-beginning --max-messages 3 "${quick[@]}"
expect "consume until nothing comes" 0 '^three$' 'Processed a total of 3 messages' 'TimeoutException' -- \
  console-consumer --topic "$t-p" --from-beginning --timeout-ms 2500

for acks in 0 1 -1; do
  lines "acks $acks"
  expect "produce, acks=$acks" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-p" --request-required-acks "$acks"
done
expect "consume what every acks wrote" 0 '^acks 0$' '^acks 1$' '^acks -1$' -- console-consumer --topic "$t-p" --from-beginning --max-messages 6 "${quick[@]}"
for codec in none gzip snappy lz4 zstd; do
  lines "codec $codec" "codec $codec again"
  expect "produce, $codec" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-z" --compression-codec "$codec"
done
expect "consume every codec" 0 '=2 ^codec none' '=2 ^codec gzip' '=2 ^codec snappy' '=2 ^codec lz4' '=2 ^codec zstd' -- \
  console-consumer --topic "$t-z" --from-beginning --max-messages 10 "${quick[@]}"
lines s1 s2 s3
expect "produce, one at a time" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-p" --sync --command-property linger.ms=0
expect "consume from an offset" 0 '=1 ^s2$' '=1 ^s3$' '! ^s1$' 'total of 2 messages' -- \
  console-consumer --topic "$t-p" --partition 0 --offset 7 --max-messages 2 "${quick[@]}"
expect "consume a partition from its start" 0 '^one$' 'total of 9 messages' -- \
  console-consumer --topic "$t-p" --partition 0 --offset earliest --max-messages 9 "${quick[@]}"
expect "consume a partition from its end" 0 'total of 0 messages' -- console-consumer --topic "$t-p" --partition 0 --offset latest --timeout-ms 2000

create "$t-k" 3
lines 'h1:a,h2:b|k1|v1' 'h1:,h1:twice|k2|v2' 'NULL|k3|NULL' 'h:ü|NULL|größe 🦀'
expect "produce keys, headers and nulls" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-k" --reader-property parse.key=true \
  --reader-property parse.headers=true --reader-property 'key.separator=|' --reader-property 'headers.delimiter=|' --reader-property null.marker=NULL
print=()
for what in timestamp key offset partition headers epoch; do print+=(--formatter-property "print.$what=true"); done
expect "consume all that a record has" 0 '=4 CreateTime:[0-9]{13}' '=4 Partition:[012]' '=4 Offset:[0-9]+' '=4 Epoch:' \
  'h1:a,h2:b.k1.v1$' 'h1:,h1:twice.k2.v2$' 'NO_HEADERS.k3.null$' 'h:ü.null.größe 🦀$' -- \
  console-consumer --topic "$t-k" --from-beginning --max-messages 4 "${print[@]}" "${quick[@]}"
expect "consume with other separators and deserializers" 0 'k1=>v1;' 'k3=>-;' -- console-consumer --topic "$t-k" --from-beginning --max-messages 4 \
  --formatter-property print.key=true --formatter-property 'key.separator==>' --formatter-property 'line.separator=;' --formatter-property null.literal=- \
  --key-deserializer org.apache.kafka.common.serialization.StringDeserializer --value-deserializer org.apache.kafka.common.serialization.StringDeserializer "${quick[@]}"

lines "no key"
expect "produce without a key to a compacted topic" 1 'InvalidRecordException|Compacted topic cannot accept message without key' -- \
  console-producer --topic "$t-compact" --sync
lines "$(printf 'x%.0s' {1..500})"
expect "produce a record that is too large" 1 'RecordTooLargeException' -- console-producer --topic "$t-small" --sync
lines stamped
expect "produce to a topic with append time" 0 '! ERROR|^[a-zA-Z.]+Exception' -- console-producer --topic "$t-append"
expect "consume append time" 0 'LogAppendTime:[0-9]{13}.stamped' -- \
  console-consumer --topic "$t-append" --from-beginning --max-messages 1 --formatter-property print.timestamp=true "${quick[@]}"
lines auto
expect "produce to a topic that is not there" 0 '! Exception' -- console-producer --topic "$t-auto"
expect "consume from the topic that this created" 0 '^auto$' -- console-consumer --topic "$t-auto" --from-beginning --max-messages 1 "${quick[@]}"

for level in read_uncommitted read_committed; do
  expect "consume, $level" 0 '^one$' 'total of 9 messages' -- \
    console-consumer --topic "$t-p" --from-beginning --max-messages 9 --isolation-level "$level" "${quick[@]}"
done
create "$t-inc-1" 1
create "$t-inc-2" 2
lines in1
expect "produce to a first topic of a pattern" 0 '! ERROR' -- console-producer --topic "$t-inc-1"
lines in2
expect "produce to a second topic of a pattern" 0 '! ERROR' -- console-producer --topic "$t-inc-2"
expect "consume a pattern of topics" 0 '^in1$' '^in2$' 'total of 2 messages' -- \
  console-consumer --include "$t-inc-.*" --from-beginning --max-messages 2 "${quick[@]}"

expect "consume in a group" 0 '^one$' 'total of 4 messages' -- \
  console-consumer --topic "$t-p" --group "$t-g" --from-beginning --max-messages 4 "${quick[@]}"
expect "consume in the group, on from what it committed" 0 '! ^one$' '^acks 1$' '^s3$' 'total of 5 messages' -- \
  console-consumer --topic "$t-p" --group "$t-g" --max-messages 5 "${quick[@]}"
expect "consume in the group, nothing is left" 0 'total of 0 messages' -- \
  console-consumer --topic "$t-p" --group "$t-g" --from-beginning --timeout-ms 3000
for assignor in RangeAssignor RoundRobinAssignor StickyAssignor CooperativeStickyAssignor; do
  expect "consume in a group, $assignor" 0 'total of 9 messages' -- console-consumer --topic "$t-p" --group "$t-$assignor" --from-beginning --max-messages 9 \
    --command-property "partition.assignment.strategy=org.apache.kafka.clients.consumer.$assignor" "${quick[@]}"
done

expect "consumed offsets, by the formatter of offsets" 0 \
  "\"group\":\"$t-g\",\"topic\":\"$t-p\",\"partition\":0" '"offset":9' '"version":"?[34]' -- \
  console-consumer --topic __consumer_offsets --from-beginning --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter --timeout-ms 3000
expect "consumed offsets, by the formatter of groups" 0 "\"group\":\"$t-g\"" '"protocolType":"consumer"' '"generation":[0-9]+' -- \
  console-consumer --topic __consumer_offsets --from-beginning --formatter org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter --timeout-ms 3000
lines no
expect "produce to a name that is not allowed" 1 'InvalidTopicException' -- console-producer --topic "$t/x" --max-block-ms 5000 --sync
expect "consume from a name that is not allowed" 0 'InvalidTopicException' -- console-consumer --topic "$t/x" --timeout-ms 5000
