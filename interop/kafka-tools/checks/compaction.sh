# A compacted topic: what consumers find once the cleaner was there. Its segments are looked at in dump-log.sh.

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
fi
expect "compaction: consume what is left" 0 'k0	700-' 'k9	699-' 'gone	null' '! gone	250' 'Processed a total of [0-9]{2,3} messages' -- \
  console-consumer --topic "$t-cleaned" --from-beginning --timeout-ms 5000 --formatter-property print.key=true
