# kafka-configs: topics, brokers, broker defaults, groups; describe, describe --all, add, delete.

run_tool broker-api-versions
broker=$(grep -oE '\(id: [0-9]+' "$output" | head -1 | grep -oE '[0-9]+')
run_tool topics --create --topic "$t-cfg" --partitions 1

expect "configs: a topic has none" 0 "Dynamic configs for topic $t-cfg are:" '! retention.ms=' -- configs --describe --entity-type topics --entity-name "$t-cfg"
expect "configs: add to a topic" 0 "Completed updating config for topic $t-cfg\." -- \
  configs --alter --entity-type topics --entity-name "$t-cfg" --add-config 'retention.ms=7200000,cleanup.policy=[compact,delete],max.message.bytes=123456'
expect "configs: describe a topic" 0 '^  retention.ms=7200000 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention.ms=7200000' \
  'cleanup.policy=compact,delete' 'max.message.bytes=123456 .*DEFAULT_CONFIG:message.max.bytes=1048588' -- configs --describe --topic "$t-cfg"
expect "configs: describe all of a topic" 0 '  retention.ms=7200000 sensitive=false' '  segment.bytes=1073741824 .*synonyms=\{.*DEFAULT_CONFIG:log.segment.bytes=1073741824' \
  'compression.type=producer' 'message.timestamp.type=CreateTime' 'min.insync.replicas=1' 'unclean.leader.election.enable=false' 'flush.messages=9223372036854775807' \
  'index.interval.bytes=4096' 'local.retention.ms=-2' 'message.timestamp.after.max.ms=3600000' 'retention.bytes=-1' 'segment.ms=604800000' -- configs --describe --all --topic "$t-cfg"
expect "configs: delete from a topic" 0 'Completed updating' -- configs --alter --topic "$t-cfg" --delete-config retention.ms,cleanup.policy
expect "configs: deleted from a topic" 0 '! retention.ms=' '! cleanup.policy' 'max.message.bytes=123456' -- configs --describe --topic "$t-cfg"
expect "configs: add and delete at once" 0 'Completed updating' -- \
  configs --alter --topic "$t-cfg" --add-config segment.ms=86400000 --delete-config max.message.bytes
expect "configs: added and deleted at once" 0 '! max.message.bytes=' 'segment.ms=86400000' -- configs --describe --topic "$t-cfg"
printf 'retention.bytes=987654321\nflush.messages=1000\n' > "$work/add.properties"
expect "configs: add from a file" 0 'Completed updating' -- configs --alter --topic "$t-cfg" --add-config-file "$work/add.properties"
expect "configs: added from a file" 0 'retention.bytes=987654321' 'flush.messages=1000' -- configs --describe --topic "$t-cfg"
expect "configs: describe all topics" 0 "Dynamic configs for topic $t-cfg are:" 'retention.bytes=987654321' -- configs --describe --entity-type topics
expect "configs: delete what is not set" 0 'Completed updating' -- configs --alter --topic "$t-cfg" --delete-config retention.ms
expect "configs: topic, unknown property" 1 'InvalidConfigurationException.*[Uu]nknown topic config name' -- configs --alter --topic "$t-cfg" --add-config no.such.property=1
expect "configs: topic, wrong type" 1 'InvalidConfigurationException.*Invalid value' -- configs --alter --topic "$t-cfg" --add-config retention.ms=soon
expect "configs: topic, value out of range" 1 'InvalidConfigurationException.*Invalid value' -- configs --alter --topic "$t-cfg" --add-config segment.bytes=1
expect "configs: topic, value that is not one of the list" 1 'InvalidConfigurationException.*Invalid value' -- configs --alter --topic "$t-cfg" --add-config compression.type=rar
expect "configs: topic that is not there" 1 'UnknownTopicOrPartitionException|does not exist' -- configs --alter --topic "$t-no" --add-config retention.ms=1
expect "configs: describe a topic that is not there" 0 "The topic '$t-no' doesn't exist and doesn't have dynamic config" -- configs --describe --topic "$t-no"

expect "configs: add to a broker" 0 "Completed updating config for broker $broker\." -- \
  configs --alter --entity-type brokers --entity-name "$broker" --add-config log.retention.ms=500000000,num.io.threads=7
expect "configs: describe a broker" 0 "Dynamic configs for broker $broker are:" 'log.retention.ms=500000000 sensitive=false synonyms=\{DYNAMIC_BROKER_CONFIG:log.retention.ms=500000000' \
  'num.io.threads=7 ' -- configs --describe --broker "$broker"
expect "configs: describe all of a broker" 0 "All configs for broker $broker are:" 'node.id=1 sensitive=false synonyms=\{STATIC_BROKER_CONFIG:node.id=1' 'num.io.threads=7' \
  'message.max.bytes=1048588 .*DEFAULT_CONFIG' 'log.dirs=' 'group.min.session.timeout.ms=6000' 'num.network.threads=3' 'auto.create.topics.enable=true' \
  'offsets.topic.num.partitions=[0-9]+' 'process.roles=' 'ssl.keystore.password=null sensitive=true' -- configs --describe --all --broker "$broker"
expect "configs: a topic inherits from the broker" 0 'retention.ms=500000000 .*DYNAMIC_BROKER_CONFIG:log.retention.ms=500000000' -- configs --describe --all --topic "$t-cfg"
expect "configs: broker, property that only a restart changes" 1 'InvalidRequestException|Cannot update these configs dynamically' -- \
  configs --alter --broker "$broker" --add-config log.dirs=/nowhere
expect "configs: broker, wrong type" 1 'Invalid value|InvalidRequestException|InvalidConfigurationException' -- configs --alter --broker "$broker" --add-config num.io.threads=many
expect "configs: delete from a broker" 0 'Completed updating' -- configs --alter --broker "$broker" --delete-config log.retention.ms,num.io.threads
expect "configs: deleted from a broker" 0 '! log.retention.ms=' '! num.io.threads=' -- configs --describe --broker "$broker"

expect "configs: add to the defaults of all brokers" 0 'Completed updating default config for brokers' -- \
  configs --alter --entity-type brokers --entity-default --add-config log.retention.bytes=1234567890
expect "configs: describe the defaults of all brokers" 0 'Default configs for brokers in the cluster are:' \
  'log.retention.bytes=1234567890 sensitive=false synonyms=\{DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.bytes=1234567890' -- configs --describe --broker-defaults
expect "configs: a broker inherits from the defaults" 0 'log.retention.bytes=1234567890 .*DYNAMIC_DEFAULT_BROKER_CONFIG' -- configs --describe --all --broker "$broker"
expect "configs: delete from the defaults of all brokers" 0 'Completed updating' -- configs --alter --broker-defaults --delete-config log.retention.bytes
expect "configs: deleted from the defaults of all brokers" 0 '! log.retention.bytes=' -- configs --describe --broker-defaults
expect "configs: describe all brokers" 0 "Dynamic configs for broker $broker are:" -- configs --describe --entity-type brokers
printf 'default.api.timeout.ms=3000\nrequest.timeout.ms=2000\n' > "$work/hasty.properties"
expect "configs: describe a broker that is not there" 1 'TimeoutException|not available|InvalidRequestException' -- configs --describe --all --broker 97 --command-config "$work/hasty.properties"

expect "configs: add to a group" 0 "Completed updating config for group $t-grp" -- \
  configs --alter --entity-type groups --entity-name "$t-grp" --add-config consumer.session.timeout.ms=50000
expect "configs: describe a group" 0 "Dynamic configs for group $t-grp are:" 'consumer.session.timeout.ms=50000 .*DYNAMIC_GROUP_CONFIG' -- configs --describe --group "$t-grp"
expect "configs: describe all of a group" 0 'consumer.session.timeout.ms=50000' 'consumer.heartbeat.interval.ms=5000' -- configs --describe --all --group "$t-grp"
expect "configs: group, unknown property" 1 'InvalidConfigurationException|Unknown group config name' -- configs --alter --group "$t-grp" --add-config no.such.property=1
expect "configs: delete from a group" 0 'Completed updating' -- configs --alter --group "$t-grp" --delete-config consumer.session.timeout.ms
expect "configs: deleted from a group" 0 '! consumer.session.timeout.ms=50000' -- configs --describe --group "$t-grp"
