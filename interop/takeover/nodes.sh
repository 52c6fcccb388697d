# A folder, and a Kafka or a millstream on it, with the same properties. Sourced by run.

super_users='authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer'
java_options=(-Xmx400M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto "-Dlog4j2.configurationFile=$here/../lib/log4j2.properties")
node_jars=''
program_pid=''

# A folder with one or more of log.dirs that Kafka formats, with voters that are recorded or configured.
node_new() { # folder-of-jars voters directories property=value...
  local voters=$2 directories=$3 controller format=()
  node_jars=$1
  shift 3
  node_ours=yes
  node_dir=$(mktemp -d "${TMPDIR:-/tmp}/interop-node.XXXXXX")
  node_data=$node_dir/data
  at_exit "folder_clean '$node_dir'"
  at_exit node_stop
  node_port=$(free_port)
  controller=$(free_port "$node_port")
  BOOTSTRAP=127.0.0.1:$node_port
  cat > "$node_dir/server.properties" <<P
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$node_port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$node_port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$(seq -s, -f "$node_data/%g" "$directories")
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=8388608
P
  printf '%s\n' "$@" >> "$node_dir/server.properties"
  if [ "$voters" = recorded ]; then
    echo "controller.quorum.bootstrap.servers=127.0.0.1:$controller" >> "$node_dir/server.properties"
    format=(--standalone)
  else
    echo "controller.quorum.voters=1@127.0.0.1:$controller" >> "$node_dir/server.properties"
  fi
  # What Kafka has besides: millstream refuses the first one, so that nobody takes it for a protection.
  { cat "$node_dir/server.properties"; echo "$super_users"; echo "super.users=User:ANONYMOUS"; echo "broker.session.timeout.ms=3000"; echo "broker.heartbeat.interval.ms=1000"; } > "$node_dir/kafka.properties"
  echo "admin.listener=" >> "$node_dir/server.properties"
  java "${java_options[@]}" -cp "$node_jars/*" kafka.tools.StorageTool format "${format[@]}" -t MkU3OEVBNTcwNTJENDM2Qg -c "$node_dir/kafka.properties" \
    > "$node_dir/format" 2>&1 || cannot "Apache Kafka did not format its folder: $(tail -3 "$node_dir/format")"
}

folder_clean() { # folder
  if [ "$failed" -gt 0 ] && [ -n "${INTEROP_KEEP:-}" ]; then echo "the node's folder is kept: $1"
  else rm -rf "$1"; fi
}

kafka_start() {
  java "${java_options[@]}" -Dinterop.level=INFO -cp "$node_jars/*" kafka.Kafka "$node_dir/kafka.properties" > "$node_dir/out" 2> "$node_dir/log" &
  node_pid=$!
  node_await 'grep -q "Kafka Server started" "$node_dir/log"'
}
kafka_stop() { node_stop; }
kafka_kill() { node_kill; }

millstream_start() { # argument...
  local binary=${MILLSTREAM:-$here/../../target/release/millstream}
  [ -x "$binary" ] || cannot "there is no $binary: cargo build --release"
  "$binary" server "$node_dir/server.properties" "$@" > "$node_dir/out" 2> "$node_dir/log" &
  node_pid=$!
  [ $# -gt 0 ] || node_await 'grep -qw ready "$node_dir/log"'
}
millstream_stop() {
  node_stop || fail "millstream ends in order" "exit status $?, $(tail -3 "$node_dir/log")"
}
millstream_kill() { node_kill; }

# The node ends at its start, and says why.
refused() { # name pattern command...
  local name=$1 pattern=$2
  shift 2
  "$@"
  timeout 20 tail --pid="$node_pid" -f /dev/null
  node_stop
  if grep -qE -- "$pattern" "$node_dir/log"; then pass "$scenario: $name"; else fail "$scenario: $name" "$(tail -3 "$node_dir/log")"; fi
}

warned() { # name pattern
  if grep -E 'WARN' "$node_dir/log" | grep -qE -- "$2"; then pass "$scenario: $1"; else fail "$scenario: $1" "$(tail -5 "$node_dir/log")"; fi
}

# What a Kafka says is an error without its being one: of every partition that is added to a topic; of a segment without batches,
# whose index it makes; of a coordinator that it begins to load before it has registered again, as after any crash; of its own
# controller's first registration, where that comes too early and is sent again.
harmless='apiKey=CONTROLLER_REGISTRATION|to exist, but it was missing. Creating|Could not find offset index file|Stopped loading records from __'
no_errors() { # name
  local errors
  errors=$(grep -E '\] (ERROR|FATAL) ' "$node_dir/log" | grep -vE "$harmless" | head -5 | cut -c1-300)
  if [ -z "$errors" ]; then pass "$scenario: $1"; else fail "$scenario: $1" "$errors"; fi
}

# Tells the Java program to do something, and counts whether it could.
ask() { # name word argument...
  local name=$1 word=$2 answer
  shift 2
  [ -n "$program_pid" ] && kill -0 "$program_pid" 2> /dev/null || program_start
  printf '%s\n' "$word $BOOTSTRAP $*" >&"${program[1]}"
  if ! read -r -t 180 answer <&"${program[0]}"; then answer='no answer'; fi
  if [ "$answer" = done ]; then pass "$scenario: $name"; else fail "$scenario: $name" "$answer"$'\n'"$(tail -2 "$node_dir/log" | cut -c1-300)"; fi
}

program_start() {
  coproc program { exec java -Xmx500M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto "-Dlog4j2.configurationFile=$here/../lib/log4j2.properties" \
    -cp "$newest/*:$classes" Main 2> "$work/program.log"; }
  program_pid=$program_PID
  at_exit 'kill "$program_pid" 2> /dev/null'
}

look() { # name: what a client reads, into a file of this name
  ask "everything is read ($1)" look "$work/$scenario.$1"
}

protection() { # name
  ask "ACLs, users, quotas and features are read ($1)" protected "$work/$scenario.$1"
}

unchanged() { # name file file
  local difference
  if [ -s "$work/$scenario.$2" ] && difference=$(diff "$work/$scenario.$2" "$work/$scenario.$3" 2>&1); then
    pass "$scenario: $1 ($(wc -l < "$work/$scenario.$2") lines)"
  else
    fail "$scenario: $1" "$(head -12 <<<"${difference:-nothing was read}" | cut -c1-300)"
  fi
}

same() { # name file
  look "$2.again"
  unchanged "$1" "$2" "$2.again"
}

# The segments of topics that are not compacted only grow.
segments() { find "$node_data" -name '*.log' -path "*/$1-*" | sort; }
segments_note() {
  local file
  for file in $(segments plain) $(segments transactional) $(segments stamped); do
    echo "$(stat -c %s "$file") $(sha256sum < "$file" | cut -d' ' -f1) $file"
  done > "$work/segments"
}
segments_compare() { # name
  local size sum file wrong=''
  while read -r size sum file; do
    [ "$(head -c "$size" "$file" 2> /dev/null | sha256sum | cut -d' ' -f1)" = "$sum" ] || wrong+="$file"$'\n'
  done < "$work/segments"
  if [ -s "$work/segments" ] && [ -z "$wrong" ]; then pass "$scenario: $1"; else fail "$scenario: $1" "${wrong:-there are none}"; fi
}
