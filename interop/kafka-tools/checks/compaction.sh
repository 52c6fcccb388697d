# A compacted topic: what consumers find once the cleaner was there, and its segments by kafka-dump-log.

run_tool topics --create --topic "$t-cleaned" --partitions 1 --config cleanup.policy=compact --config segment.bytes=1048576 \
  --config min.cleanable.dirty.ratio=0.01 --config segment.ms=600000

# Three megabytes of ten keys, one that is deleted, and two more megabytes, so that all before is in complete segments.
keyed() { # first last codec
  awk -v first="$1" -v last="$2" 'BEGIN {
    for (i = 0; i < 1000; i++) padding = padding "0123456789"
    for (n = first; n <= last; n++) {
      if (n == 250) print "gone|" n "\ngone|NULL"
      print "k" n % 10 "|" n "-" padding
    }
  }' > "$work/input"
  input=$work/input
  run_tool console-producer --topic "$t-cleaned" --reader-property parse.key=true --reader-property 'key.separator=|' \
    --reader-property null.marker=NULL --command-property "compression.type=$3"
}
keyed 1 300 none
keyed 301 500 lz4
keyed 501 700 zstd

if [ -n "$node_ours" ]; then
  cleaned=''
  for _ in $(seq 150); do
    # The offset up to which it is clean: past the tombstone at least.
    cleaned=$(awk -v topic="$t-cleaned" '$1 == topic { print $3 }' "$node_data/cleaner-offset-checkpoint" 2> /dev/null)
    [ "${cleaned:-0}" -gt 400 ] && break
    sleep 0.2
  done
  if [ "${cleaned:-0}" -gt 400 ]; then pass "compaction: cleaner-offset-checkpoint"; else fail "compaction: cleaner-offset-checkpoint" "clean to '$cleaned'"; fi
  first=$node_data/$t-cleaned-0/00000000000000000000
  # The tombstone of offset 250 has its horizon, and what it deletes is gone.
  expect "compaction: dump-log of a cleaned segment" 0 'Log starting offset: 0' 'deleteHorizonMs: OptionalLong\[[0-9]+\].*isvalid: true' \
    '\| offset: 250 .* key: gone$|\| offset: 250 .* key: gone payload:' '! key: gone payload: 250' '! \| offset: 0 ' '! isvalid: false' -- \
    dump-log --deep-iteration --print-data-log --files "$first.log"
  expect "compaction: dump-log of its indexes" 0 'Dumping' '! mismatch|Exception|not found|Index corruption' -- \
    dump-log --index-sanity-check --files "$first.index,$first.timeindex"
fi
expect "compaction: consume what is left" 0 'k0	700-' 'k9	699-' 'gone	null' '! gone	250' 'Processed a total of [0-9]{2,3} messages' -- \
  console-consumer --topic "$t-cleaned" --from-beginning --timeout-ms 5000 --formatter-property print.key=true
