# kafka-producer-perf-test, kafka-consumer-perf-test, kafka-e2e-latency.

run_tool topics --create --topic "$t-perf" --partitions 3
for acks in 0 1 all; do
  expect "perf: produce, acks=$acks" 0 '^2000 records sent, [0-9.]+ records/sec .* ms 99.9th\.' '! ERROR|^[a-zA-Z.]+Exception' -- producer-perf-test --topic "$t-perf" \
    --num-records 2000 --record-size 100 --throughput -1 --command-property "acks=$acks" enable.idempotence=false
done
for codec in gzip snappy lz4 zstd; do
  expect "perf: produce, $codec" 0 '^1000 records sent' '! ERROR|^[a-zA-Z.]+Exception' -- producer-perf-test --topic "$t-perf" \
    --num-records 1000 --record-size 1000 --throughput -1 --command-property "compression.type=$codec" acks=all
done
printf 'first payload\nsecond payload\n' > "$work/payloads"
expect "perf: produce payloads of a file" 0 '^100 records sent' '! ERROR|^[a-zA-Z.]+Exception' -- \
  producer-perf-test --topic "$t-perf" --num-records 100 --payload-file "$work/payloads" --throughput -1
expect "perf: produce numbers, at a rate, with metrics" 0 '^200 records sent' 'producer-metrics:record-send-total.*: 200' '! ERROR|^[a-zA-Z.]+Exception' -- \
  producer-perf-test --topic "$t-perf" --num-records 200 --payload-monotonic --throughput 400 --print-metrics
expect "perf: produce with a warm-up" 0 '3000 records sent' '! ERROR|^[a-zA-Z.]+Exception' -- \
  producer-perf-test --topic "$t-perf" --num-records 3000 --record-size 10 --throughput -1 --warmup-records 500
expect "perf: consume" 0 'start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg' '^20[0-9-]+ .*, 13300, ' '! WARNING: Exiting before consuming' -- \
  consumer-perf-test --topic "$t-perf" --num-records 13300 --group "$t-perf-group" --timeout 20000 --reporting-interval 10
expect "perf: consume with detail and no header" 0 '! start.time' '^20[0-9-]+ ' -- \
  consumer-perf-test --topic "$t-perf" --num-records 5000 --group "$t-perf-group-2" --hide-header --show-detailed-stats --timeout 20000 --reporting-interval 1
expect "perf: latency from end to end, acks=1" 0 'Avg latency: [0-9.]+ ms' 'Percentiles: 50th = [0-9]+, 99th' -- \
  e2e-latency --topic "$t-perf-e2e" --num-records 100 --producer-acks 1 --record-size 100
expect "perf: latency from end to end, acks=all, keys and headers" 0 'Avg latency: [0-9.]+ ms' -- \
  e2e-latency --topic "$t-perf-e2e" --num-records 100 --producer-acks all --record-size 100 --record-key-size 10 --num-headers 2 --record-header-key-size 4 --record-header-size 8
