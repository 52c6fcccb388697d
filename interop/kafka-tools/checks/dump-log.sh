# The node's files, after its clean end, by kafka-dump-log. Last, because it stops the node.

if [ -n "$node_ours" ]; then
  run_tool topics --create --topic "$t-d" --partitions 1 --config segment.bytes=1048576
  lines 'h:1|k1|v1' 'h:2|k2|v2'
  run_tool console-producer --topic "$t-d" --command-property acks=all --reader-property parse.key=true --reader-property parse.headers=true \
    --reader-property 'key.separator=|' --reader-property 'headers.delimiter=|'
  for codec in none gzip snappy lz4 zstd; do
    run_tool producer-perf-test --topic "$t-d" --num-records 600 --record-size 1000 --throughput -1 --command-property "compression.type=$codec"
  done
  run_tool console-consumer --topic "$t-d" --group "$t-dg" --from-beginning --max-messages 3002 --timeout-ms 15000

  node_stop
  ended=$?
  wanted=0
  # A JVM that a signal ends says so in its exit status.
  [ "${INTEROP_TARGET:-}" = kafka ] && wanted=143
  if [ "$ended" = "$wanted" ]; then pass "the node ends cleanly"; else fail "the node ends cleanly" "exit status $ended, not $wanted"; fi

  folder=$node_data/$t-d-0
  expect "dump-log: a segment" 0 'Log starting offset: 0' \
    'baseOffset: 0 lastOffset: [0-9]+ count: [0-9]+ baseSequence: [0-9-]+ lastSequence: .* producerId: [0-9-]+ producerEpoch: .* partitionLeaderEpoch: 0 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: [0-9]{13} size: [0-9]+ magic: 2 compresscodec: none crc: [0-9]+ isvalid: true' \
    '! isvalid: false' -- dump-log --files "$folder/00000000000000000000.log"
  expect "dump-log: the records of a segment" 0 'offset: 0 .*keySize: 2 valueSize: 2 .*headerKeys: \[h\] key: k1 payload: v1' 'offset: 1 .* key: k2 payload: v2' '! isvalid: false' -- \
    dump-log --print-data-log --deep-iteration --files "$folder/00000000000000000000.log"
  expect "dump-log: the records of a segment without their metadata" 0 'payload: v1' '! keySize' -- \
    dump-log --print-data-log --skip-record-metadata --files "$folder/00000000000000000000.log"
  segments=$(printf '%s,' "$folder"/*.log)
  expect "dump-log: every segment, every codec" 0 'compresscodec: none' 'compresscodec: gzip' 'compresscodec: snappy' 'compresscodec: lz4' 'compresscodec: zstd' \
    '=3002 \| offset: [0-9]+ ' '\| offset: 3001 ' '! isvalid: false' -- dump-log --deep-iteration --files "${segments%,}"
  expect "dump-log: part of a segment" 0 'baseOffset: 0 ' '=1 baseOffset' -- dump-log --max-bytes 100 --files "$folder/00000000000000000000.log"
  for kind in index timeindex; do
    files=$(printf '%s,' "$folder"/*."$kind")
    expect "dump-log: every $kind" 0 'offset: [1-9][0-9]*' '! Exception|mismatch|not found|Index corruption' -- dump-log --files "${files%,}"
    expect "dump-log: every $kind is sane" 0 'passed sanity check' '! Exception' -- dump-log --index-sanity-check --files "${files%,}"
    expect "dump-log: every $kind verified" 0 'Dumping' '! mismatch|Exception|not found' -- dump-log --verify-index-only --files "${files%,}"
  done
  if snapshots=$(ls "$folder"/*.snapshot 2>/dev/null); then
    expect "dump-log: producers" 0 'producerId: [0-9]+ producerEpoch: 0' -- dump-log --files "$(tail -1 <<<"$snapshots")"
  else fail "dump-log: producers" "no snapshot of producers in $folder"; fi
  if cleaned=$(ls "$node_data/$t-cleaned-0"/*.log 2>/dev/null); then
    # Of compaction.sh: the tombstone at offset 250 has its horizon, and what it deletes is gone.
    cleaned=$(tr '\n' , <<<"$cleaned")
    expect "dump-log: cleaned segments" 0 'deleteHorizonMs: OptionalLong\[[0-9]+\].*isvalid: true' '\| offset: 250 .* key: gone( payload:.*)?$' \
      '! key: gone payload: 250' '! \| offset: 0 ' '! isvalid: false' -- dump-log --deep-iteration --print-data-log --files "${cleaned%,}"
    indexes=$(printf '%s,' "$node_data/$t-cleaned-0"/*index)
    expect "dump-log: indexes of cleaned segments" 0 'Dumping' '! mismatch|Exception|not found|Index corruption' -- \
      dump-log --index-sanity-check --files "${indexes%,}"
  fi
  offsets=$(printf '%s,' "$node_data"/__consumer_offsets-*/*.log)
  expect "dump-log: the topic of consumed offsets" 0 "\"group\":\"$t-dg\",\"topic\":\"$t-d\",\"partition\":0" '"offset":3002' '"protocolType":"consumer"' '! isvalid: false' -- \
    dump-log --offsets-decoder --files "${offsets%,}"
  metadata=$(ls "$node_data"/__cluster_metadata-0/*.log | head -1)
  expect "dump-log: the log of the cluster's metadata" 0 "\"type\":\"TOPIC_RECORD\",\"version\":[0-9]+,\"data\":\{\"name\":\"$t-d\"" '"type":"PARTITION_RECORD"' '"type":"REGISTER_BROKER_RECORD"' \
    '"type":"CONFIG_RECORD".*segment.bytes' '"type":"FEATURE_LEVEL_RECORD"' '! isvalid: false' -- dump-log --cluster-metadata-decoder --files "$metadata"
  for file in meta.properties recovery-point-offset-checkpoint replication-offset-checkpoint log-start-offset-checkpoint "$t-d-0/partition.metadata" "$t-d-0/leader-epoch-checkpoint"; do
    if [ -s "$node_data/$file" ]; then pass "there is ${file#"$t-d-0/"}"; else fail "there is ${file#"$t-d-0/"}" "$(ls "$node_data")"; fi
  done
else
  echo "the broker is not ours: its files are not looked at"
fi
