# kafka-topics: create, describe with every filter, alter, delete, list.

run_tool broker-api-versions
broker=$(grep -oE '\(id: [0-9]+' "$output" | head -1 | grep -oE '[0-9]+')

expect "topics: create" 0 "^Created topic $t-a\.$" -- topics --create --topic "$t-a" --partitions 3 --replication-factor 1
expect "topics: create a second time" 1 "Topic '$t-a' already exists" 'TopicExistsException' -- topics --create --topic "$t-a"
expect "topics: create a second time, --if-not-exists" 0 '! Exception' -- topics --create --topic "$t-a" --if-not-exists
expect "topics: create with the broker's defaults" 0 "Created topic $t-b" -- topics --create --topic "$t-b"
expect "topics: create with properties" 0 "Created topic $t-c" -- \
  topics --create --topic "$t-c" --partitions 2 --config retention.ms=3600000 --config cleanup.policy=compact --config max.message.bytes=2000000
expect "topics: create with an assignment of replicas" 0 "Created topic $t-d" -- \
  topics --create --topic "$t-d" --replica-assignment "$broker,$broker"
expect "topics: create, name with a character that is not allowed" 1 'InvalidTopicException|is illegal|is invalid' -- topics --create --topic "$t/x"
expect "topics: create, name longer than 249" 1 'InvalidTopicException|longer than|is invalid' -- topics --create --topic "$(printf 'x%.0s' {1..250})"
expect "topics: create, more replicas than brokers" 1 'InvalidReplicationFactorException' -- \
  topics --create --topic "$t-no" --replication-factor 99
expect "topics: create, no partition" 1 'partitions must be greater than 0|InvalidPartitionsException' -- topics --create --topic "$t-no" --partitions 0
expect "topics: create, unknown property" 1 'Unknown topic config name: no.such.property' -- \
  topics --create --topic "$t-no" --config no.such.property=1
expect "topics: create, property of the wrong type" 1 'InvalidConfigurationException|Invalid value' -- \
  topics --create --topic "$t-no" --config retention.ms=soon
expect "topics: create, assignment to a broker that is not there" 1 'InvalidReplicaAssignmentException' -- \
  topics --create --topic "$t-no" --replica-assignment 98
expect "topics: create with a dot" 0 "Created topic $t\.x\.y" 'WARNING: Due to limitations in metric names' -- topics --create --topic "$t.x.y"
expect "topics: create, a name that collides with another" 1 'InvalidTopicException' 'collides with' -- topics --create --topic "${t}_x.y"

expect "topics: list" 0 "^$t-a$" "^$t-b$" "^$t-c$" "^$t-d$" "! ^$t-no$" -- topics --list
expect "topics: list some" 0 "=1 ^$t-a$" "=0 ^$t-b$" -- topics --list --topic "$t-a"
expect "topics: list without internal ones" 0 "^$t-a$" '! ^__consumer_offsets$' -- topics --list --exclude-internal

expect "topics: describe" 0 "Topic: $t-a[[:space:]]+TopicId: [A-Za-z0-9_-]{22}[[:space:]]+PartitionCount: 3[[:space:]]+ReplicationFactor: 1[[:space:]]+Configs:" \
  "=3 Topic: $t-a[[:space:]]+Partition: [012][[:space:]]+Leader: $broker[[:space:]]+Replicas: $broker[[:space:]]+Isr: $broker" -- topics --describe --topic "$t-a"
expect "topics: describe the defaults" 0 'PartitionCount: [0-9]+' "! Configs:.*retention.ms" -- topics --describe --topic "$t-b"
expect "topics: describe properties" 0 'Configs: .*retention.ms=3600000' 'Configs: .*cleanup.policy=compact' 'max.message.bytes=2000000' -- topics --describe --topic "$t-c"
expect "topics: describe an assignment" 0 'PartitionCount: 2' "=2 Replicas: $broker" -- topics --describe --topic "$t-d"
expect "topics: describe by expression" 0 "=4 PartitionCount" "Topic: $t-a" "Topic: $t-d" "! Topic: ${t}.x.y" -- topics --describe --topic "$t-.*"
expect "topics: describe all" 0 "Topic: $t-a" "Topic: $t-d" -- topics --describe
run_tool topics --describe --topic "$t-a"
id=$(grep -oE 'TopicId: [^[:space:]]+' "$output" | cut -d' ' -f2)
expect "topics: describe by id" 0 "Topic: $t-a[[:space:]]+TopicId: $id" '=1 PartitionCount' -- topics --describe --topic-id "$id"
expect "topics: describe by an id that is not there" 1 'does not exist' -- topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ
expect "topics: describe a page of partitions at a time" 0 "=3 Leader: $broker" -- topics --describe --topic "$t-a" --partition-size-limit-per-response 1
expect "topics: describe those with overrides" 0 "Topic: $t-c.*retention.ms=3600000" '! Partition: 0' -- topics --describe --topics-with-overrides --topic "$t-.*"
expect "topics: describe unavailable partitions" 0 '! Partition' -- topics --describe --unavailable-partitions
expect "topics: describe under-replicated partitions" 0 '! Partition' -- topics --describe --under-replicated-partitions
expect "topics: describe partitions under min isr" 0 '! Partition' -- topics --describe --under-min-isr-partitions
expect "topics: describe partitions at min isr" 0 "=3 Topic: $t-a[[:space:]]+Partition: [012]" -- topics --describe --at-min-isr-partitions
expect "topics: describe without internal ones" 0 "Topic: $t-a" '! __consumer_offsets' -- topics --describe --exclude-internal
expect "topics: describe one that is not there" 1 "Topic '$t-no' does not exist as expected" -- topics --describe --topic "$t-no"
expect "topics: describe one that is not there, --if-exists" 0 '! Topic:' -- topics --describe --topic "$t-no" --if-exists

expect "topics: more partitions" 0 '! Exception' -- topics --alter --topic "$t-a" --partitions 5
expect "topics: more partitions, described" 0 'PartitionCount: 5' "=5 Leader: $broker" -- topics --describe --topic "$t-a"
expect "topics: fewer partitions" 1 'InvalidPartitionsException' -- topics --alter --topic "$t-a" --partitions 2
expect "topics: as many partitions as there are" 1 'InvalidPartitionsException' -- topics --alter --topic "$t-a" --partitions 5
expect "topics: more partitions with an assignment" 0 '! Exception' -- \
  topics --alter --topic "$t-d" --partitions 3 --replica-assignment "$broker,$broker,$broker"
expect "topics: more partitions with an assignment, described" 0 'PartitionCount: 3' -- topics --describe --topic "$t-d"
expect "topics: alter one that is not there" 1 "does not exist as expected" -- topics --alter --topic "$t-no" --partitions 5
expect "topics: alter one that is not there, --if-exists" 0 '! Exception' -- topics --alter --topic "$t-no" --partitions 5 --if-exists

expect "topics: delete" 0 '! Exception' -- topics --delete --topic "$t-b"
expect "topics: deleted" 0 "! ^$t-b$" "^$t-a$" -- topics --list
expect "topics: delete by expression" 0 '! Exception' -- topics --delete --topic "$t-[cd]"
expect "topics: deleted by expression" 0 "! ^$t-[cd]$" "^$t-a$" -- topics --list
expect "topics: delete one that is not there" 1 'does not exist as expected' -- topics --delete --topic "$t-no"
expect "topics: delete one that is not there, --if-exists" 0 '! Exception' -- topics --delete --topic "$t-no" --if-exists
expect "topics: create again after deletion" 0 "Created topic $t-b" -- topics --create --topic "$t-b"
