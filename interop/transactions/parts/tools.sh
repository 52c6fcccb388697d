# kafka-transactions in every sub-command, and kafka-dump-log of what transactions write. Sourced by run.
tools_jars=$("$here/../lib/get-kafka" tools) || cannot "Kafka's tools could not be assembled"
raw_classes=$(compile "$newest/*" "$here"/raw/*.java) || cannot "the program of raw requests could not be compiled"
jars=$tools_jars
classes=$(compile "$jars/*" "$here"/../kafka-tools/src/*.java) || cannot "the Java program could not be compiled"
. "$here/../kafka-tools/tools.sh"
clients+=("kafka-tools $(jar_version "$jars" kafka-tools)")
at_exit tools_clean

open_transaction() { # id topic added|hanging age-ms
  java "${java_options[@]}" -cp "$newest/*:$raw_classes" Open "$BOOTSTRAP" "$@" 2> "$work/errors" || echo "no transaction: $(tail -3 "$work/errors")"
}

tools_part() {
  local t=tools-$RANDOM$RANDOM open hanging
  run_tool topics --create --topic "$t" --partitions 1
  open=$(open_transaction "$t-open" "$t" added 0)
  # What makes a hanging one impossible has to be away for that.
  run_tool configs --entity-type brokers --entity-default --alter --add-config transaction.partition.verification.enable=false
  sleep 0.5
  hanging=$(open_transaction "$t-hanging" "$t" hanging 3000000)
  run_tool configs --entity-type brokers --entity-default --alter --delete-config transaction.partition.verification.enable

  expect "tools: list" 0 '^TransactionalId\s+Coordinator\s+ProducerId\s+TransactionState' "^$t-open\s+$node_id\s+$open\s+Ongoing\s*$" "^$t-hanging\s+$node_id\s+$hanging\s+Empty\s*$" -- transactions list
  expect "tools: list those that are open for long" 0 "! ^$t-open" "^$t-hanging" -- transactions list --duration-filter 100000
  expect "tools: list those that are open" 0 "^$t-open" -- transactions list --duration-filter 1
  expect "tools: list by a pattern" 0 '=2 .' "^$t-open" -- transactions list --transactional-id-pattern "$t-op.*"
  expect "tools: list by a pattern that is none" 1 'INVALID_REGULAR_EXPRESSION|InvalidRegularExpression|regular expression|Failed' -- transactions list --transactional-id-pattern '('
  expect "tools: describe" 0 '^CoordinatorId\s+TransactionalId\s+ProducerId\s+ProducerEpoch\s+TransactionState\s+TransactionTimeoutMs\s+CurrentTransactionStartTimeMs\s+TransactionDurationMs\s+TopicPartitions' \
    "^$node_id\s+$t-open\s+$open\s+0\s+Ongoing\s+60000\s+[0-9]{13}\s+[0-9]+\s+$t-0\s*$" -- transactions describe --transactional-id "$t-open"
  expect "tools: describe one that is empty" 0 "^$node_id\s+$t-hanging\s+$hanging\s+0\s+Empty\s+60000\s+None\s+None\s*$" -- transactions describe --transactional-id "$t-hanging"
  expect "tools: describe what is not there" 1 'Failed to describe transaction state of transactional-id .* failed because the ID could not be found' -- transactions describe --transactional-id "$t-none"
  expect "tools: describe-producers" 0 '^ProducerId\s+ProducerEpoch\s+LatestCoordinatorEpoch\s+LastSequence\s+LastTimestamp\s+CurrentTransactionStartOffset' \
    "^$open\s+0\s+-1\s+0\s+[0-9]{13}\s+0\s*$" "^$hanging\s+0\s+-1\s+0\s+[0-9]{13}\s+1\s*$" -- transactions describe-producers --topic "$t" --partition 0
  expect "tools: describe-producers at a broker" 0 "^$open\s" -- transactions describe-producers --topic "$t" --partition 0 --broker-id "$node_id"
  for scope in "--broker-id $node_id" "--topic $t" "--topic $t --partition 0 --max-transaction-timeout 1"; do
    expect "tools: find-hanging $scope" 0 '^Topic\s+Partition\s+ProducerId\s+ProducerEpoch\s+CoordinatorEpoch\s+StartOffset\s+LastTimestamp\s+Duration\(min\)' \
      "^$t\s+0\s+$hanging\s+0\s+-1\s+1\s+[0-9]{13}\s+50\s*$" "! ^$t\s+0\s+$open\s" -- transactions find-hanging $scope
  done
  expect "tools: find-hanging of what is younger" 0 '=1 .' -- transactions find-hanging --topic "$t" --max-transaction-timeout 60
  expect "tools: find-hanging anywhere" 1 'requires either --topic or --broker-id' -- transactions find-hanging
  expect "tools: abort where nothing starts" 1 'Could not find any open transactions starting at offset 77' -- transactions abort --topic "$t" --partition 0 --start-offset 77
  expect "tools: abort the hanging one" 0 '! .' -- transactions abort --topic "$t" --partition 0 --start-offset 1
  expect "tools: it is closed" 0 "^$hanging\s+0\s+0\s+0\s+[0-9]{13}\s+None\s*$" "^$open\s+0\s+-1\s+0\s+[0-9]{13}\s+0\s*$" -- transactions describe-producers --topic "$t" --partition 0
  expect "tools: nothing hangs" 0 "! ^$t\s" -- transactions find-hanging --topic "$t"
  expect "tools: forceTerminateTransaction" 0 '! .' -- transactions forceTerminateTransaction --transactionalId "$t-open"
  expect "tools: it is terminated" 0 "^$open\s+1\s+[0-9]+\s+-1\s+[0-9]{13}\s+None\s*$" -- transactions describe-producers --topic "$t" --partition 0
  expect "tools: what was aborted is not read" 0 'Processed a total of 0 messages' -- console-consumer --topic "$t" --from-beginning --isolation-level read_committed --timeout-ms 2000
  expect "tools: offsets by isolation" 0 "^$t:0:4$" -- get-offsets --topic "$t"

  if [ -z "$node_ours" ]; then
    echo "the broker is not ours: its files are not looked at"
    return
  fi
  node_stop
  local files
  files=$(printf '%s,' "$node_data"/__transaction_state-*/*.log)
  expect "tools: dump-log of the coordinator's log" 0 "key: \{\"type\":\"0\",\"data\":\{\"transactionalId\":\"$t-open\"\}\} payload: \{\"version\":\"1\",\"data\":\{\"producerId\":$open,\"previousProducerId\":$open,\"producerEpoch\":0,\"transactionTimeoutMs\":60000,\"transactionStatus\":0,\"transactionPartitions\":null,\"transactionLastUpdateTimestampMs\":[0-9]{13},\"transactionStartTimestampMs\":-1\}\}" \
    "\"producerId\":$open,\"previousProducerId\":$open,\"producerEpoch\":0,\"transactionTimeoutMs\":60000,\"transactionStatus\":1,\"transactionPartitions\":\[\{\"topic\":\"$t\",\"partitionIds\":\[0\]\}\]" \
    "\"producerId\":$open,\"previousProducerId\":$open,\"producerEpoch\":1,\"transactionTimeoutMs\":60000,\"transactionStatus\":3,.*\"clientTransactionVersion\":2" \
    "\"producerId\":$open,\"previousProducerId\":$open,\"producerEpoch\":1,\"transactionTimeoutMs\":60000,\"transactionStatus\":5,\"transactionPartitions\":\[\],.*\"clientTransactionVersion\":2" \
    '! isvalid: false' -- dump-log --transaction-log-decoder --files "${files%,}"
  expect "tools: dump-log of markers" 0 "baseOffset: 0 .* producerId: $open producerEpoch: 0 .* isTransactional: true isControl: false" \
    "baseOffset: 2 lastOffset: 2 count: 1 baseSequence: -1 lastSequence: -1 producerId: $hanging producerEpoch: 0 .* isTransactional: true isControl: true .* size: 78 " \
    "baseOffset: 3 .* producerId: $open producerEpoch: 1 .* isControl: true" '=2 keySize: 4 valueSize: 6 .*endTxnMarker: ABORT coordinatorEpoch: [0-9]+' '! isvalid: false' -- \
    dump-log --print-data-log --files "$node_data/$t-0/00000000000000000000.log"
  expect "tools: dump-log of aborted transactions" 0 "producerId: $hanging firstOffset: 1 lastOffset: 2" "producerId: $open firstOffset: 0 lastOffset: 3" -- dump-log --files "$node_data/$t-0/00000000000000000000.txnindex"
  node_launch
}
tools_part
