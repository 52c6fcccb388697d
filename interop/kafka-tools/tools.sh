# Running one of Kafka's tools and looking at what it printed. Sourced by run.

tool_class() {
  case $1 in
    topics) echo org.apache.kafka.tools.TopicCommand ;;
    configs) echo kafka.admin.ConfigCommand ;;
    console-producer) echo org.apache.kafka.tools.ConsoleProducer ;;
    console-consumer) echo org.apache.kafka.tools.consumer.ConsoleConsumer ;;
    consumer-groups) echo org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    groups) echo org.apache.kafka.tools.GroupsCommand ;;
    get-offsets) echo org.apache.kafka.tools.GetOffsetShell ;;
    delete-records) echo org.apache.kafka.tools.DeleteRecordsCommand ;;
    log-dirs) echo org.apache.kafka.tools.LogDirsCommand ;;
    broker-api-versions) echo org.apache.kafka.tools.BrokerApiVersionsCommand ;;
    cluster) echo org.apache.kafka.tools.ClusterTool ;;
    features) echo org.apache.kafka.tools.FeatureCommand ;;
    metadata-quorum) echo org.apache.kafka.tools.MetadataQuorumCommand ;;
    producer-perf-test) echo org.apache.kafka.tools.ProducerPerformance ;;
    consumer-perf-test) echo org.apache.kafka.tools.ConsumerPerformance ;;
    e2e-latency) echo org.apache.kafka.tools.EndToEndLatency ;;
    verifiable-producer) echo org.apache.kafka.tools.VerifiableProducer ;;
    verifiable-consumer) echo org.apache.kafka.tools.VerifiableConsumer ;;
    transactions) echo org.apache.kafka.tools.TransactionsCommand ;;
    dump-log) echo org.apache.kafka.tools.DumpLogSegments ;;
    *) echo "no such tool: $1" >&2; exit 2 ;;
  esac
}

java=(java -Xmx300M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -Dfile.encoding=UTF-8 -Djava.awt.headless=true
  "-Dlog4j2.configurationFile=$here/../lib/log4j2.properties" -cp "$jars/*:$classes")
driver_pid=''
seconds=60
input=/dev/null
output=$work/output

tools_clean() {
  background_stop
  [ -n "$driver_pid" ] && kill "$driver_pid" 2>/dev/null
}

driver_start() {
  coproc driver { exec "${java[@]}" ToolDriver 2> "$work/driver"; }
  driver_pid=$!
}

# Runs a tool with $input as its standard input, for $seconds at most. What it prints is in $output, its exit status,
# or "timeout", in $status.
run_tool() { # tool argument...
  local tool=$1 line argument
  shift
  case $tool in
    # These print their summary in a hook of the process's end.
    verifiable-*)
      timeout "$seconds" "${java[@]}" "$(tool_class "$tool")" "$@" --bootstrap-server "$BOOTSTRAP" < "$input" > "$output" 2>&1
      status=$?
      input=/dev/null
      return ;;
  esac
  [ -n "$driver_pid" ] && kill -0 "$driver_pid" 2>/dev/null || driver_start
  case $tool in
    dump-log) ;;
    transactions) set -- --bootstrap-server "$BOOTSTRAP" "$@" ;;
    # After the arguments, because of kafka-cluster's sub-commands.
    *) set -- "$@" --bootstrap-server "$BOOTSTRAP" ;;
  esac
  line=$output$'\t'$input$'\t'$seconds$'\t'$(tool_class "$tool")
  for argument in "$@"; do line+=$'\t'$argument; done
  printf '%s\n' "$line" >&"${driver[1]}"
  if ! read -r -t $((seconds + 10)) -u "${driver[0]}" status; then status='the driver ended'; fi
  [[ $status =~ ^[0-9]+$ ]] || { kill "$driver_pid" 2>/dev/null; wait "$driver_pid" 2>/dev/null; driver_pid=''; }
  input=/dev/null
}

# What is wrong with the last tool's $output and $status, or nothing.
trouble() { # status pattern...
  local wanted=$1 pattern found
  shift
  [ "$status" = "$wanted" ] || echo "exit status $status, not $wanted"
  for pattern in "$@"; do
    case $pattern in
      '! '*) ! grep -qE -- "${pattern#! }" "$output" || echo "there is a line with ${pattern#! }" ;;
      =[0-9]*' '*)
        found=$(grep -cE -- "${pattern#* }" "$output")
        [ "=$found" = "${pattern%% *}" ] || echo "$found lines with ${pattern#* }, not ${pattern%% *}" ;;
      *) grep -qE -- "$pattern" "$output" || echo "no line with $pattern" ;;
    esac
  done
}

# One check: the tool's exit status, and for each pattern
#   REGEX       a line matches
#   ! REGEX     no line matches
#   =N REGEX    exactly N lines match
# A tool that only looks may look a few times: Apache Kafka answers a change before its brokers show it.
expect() { # name status pattern... -- tool argument...
  local name=$1 wanted=$2 patterns=() looks=1 look seen
  shift 2
  while [ "$1" != -- ]; do patterns+=("$1"); shift; done
  shift
  case " $* " in *' --describe '* | *' --list '* | ' get-offsets '*) looks=4 ;; esac
  for look in $(seq "$looks"); do
    run_tool "$@"
    seen=$(trouble "$wanted" "${patterns[@]}")
    [ -n "$seen" ] || { pass "$name"; return; }
    [ "$look" = "$looks" ] || sleep 0.3
  done
  fail "$name" "$seen"$'\n'"\$ kafka-$*"$'\n'"$(grep -vE '^[[:space:]]+at ' "$output" | head -12 | cut -c1-300)"
}

# Until a tool says what is wanted: for what another client does in its own time.
await() { # regex tool argument...
  local pattern=$1 tries
  shift
  for tries in $(seq 40); do
    run_tool "$@"
    grep -qE -- "$pattern" "$output" && return
    sleep 0.25
  done
  return 1
}

lines() { # text...: a file with these lines, to be the input of the next tool
  printf '%s\n' "$@" > "$work/input"
  input=$work/input
}

# A tool in a process of its own, that runs until background_stop.
background_pids=()
background() { # output-file tool argument...
  local file=$1 tool=$2
  shift 2
  "${java[@]}" "$(tool_class "$tool")" --bootstrap-server "$BOOTSTRAP" "$@" > "$file" 2>&1 &
  background_pids+=("$!")
}

background_stop() {
  local pid
  for pid in "${background_pids[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${background_pids[@]}"; do
    timeout 20 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  background_pids=()
}
