# kafka-verifiable-producer, kafka-verifiable-consumer.

run_tool topics --create --topic "$t-v" --partitions 1
for acks in 0 1 -1; do
  expect "verifiable: produce, acks=$acks" 0 '=50 "name":"producer_send_success"' '! producer_send_error' '"name":"shutdown_complete"' '"sent":50,"acked":50' -- \
    verifiable-producer --topic "$t-v" --max-messages 50 --acks "$acks"
done
expect "verifiable: produce with keys, a prefix, at a rate" 0 '"key":"2","value":"7\.2"' '"sent":20,"acked":20' -- \
  verifiable-producer --topic "$t-v" --max-messages 20 --repeating-keys 5 --value-prefix 7 --throughput 100
expect "verifiable: consume" 0 '"name":"partitions_assigned"' '"name":"records_consumed","count":' '=170 "name":"record_data"' '"name":"offsets_committed",.*"offset":170.*"success":true' \
  '"name":"shutdown_complete"' -- verifiable-consumer --topic "$t-v" --group-id "$t-v-group" --max-messages 170 --reset-policy earliest --verbose
for name in RoundRobinAssignor StickyAssignor CooperativeStickyAssignor; do
  expect "verifiable: consume, $name, committing automatically" 0 '"name":"partitions_assigned"' '"name":"records_consumed"' '"name":"shutdown_complete"' -- \
    verifiable-consumer --topic "$t-v" --group-id "$t-v-$name" --max-messages 170 --enable-autocommit --assignment-strategy "org.apache.kafka.clients.consumer.$name"
done
expect "verifiable: consume as a static member" 0 '"name":"records_consumed"' -- verifiable-consumer --topic "$t-v" --group-id "$t-v-static" \
  --group-instance-id one --max-messages 170 --session-timeout 10000
expect "verifiable: the group has committed" 0 "^$t-v-group +$t-v +0 +170 +170 +0 " -- consumer-groups --describe --group "$t-v-group"
