# A node to run against. Sourced after checks.sh. What it is, the environment says:
#
#   BOOTSTRAP=host:port      a broker that runs already; it is neither started nor stopped here
#   INTEROP_TARGET=kafka     an Apache Kafka, to show that the checks are right
#   otherwise                millstream: $MILLSTREAM, or target/release/millstream of this repository
#   INTEROP_KEEP=1           keep the node's folder when a check failed
#
# node_id and node_port may be set before node_start.
#
# After node_start: $BOOTSTRAP, and for a node of ours $node_data (its log directory).

node_pid=''
node_dir=''
node_data=''
node_ours=''
# Set where files are damaged on purpose.
node_damaged=''
node_id=1
node_port=''
interop_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

free_port() { # a port that nobody listens on, other than those given
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    [[ " $* " == *" $port "* ]] && continue
    (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

node_start() { # key=value of further properties...
  if [ -n "${BOOTSTRAP:-}" ] && [ -z "$node_ours" ]; then return; fi
  node_ours=yes
  local port controller admin
  port=${node_port:-$(free_port)}
  controller=$(free_port "$port")
  admin=$(free_port "$port" "$controller")
  node_dir=$(mktemp -d "${TMPDIR:-/tmp}/interop-node.XXXXXX")
  node_data=$node_dir/data
  BOOTSTRAP=127.0.0.1:$port
  at_exit node_clean
  cat > "$node_dir/server.properties" <<P
process.roles=broker,controller
node.id=$node_id
controller.quorum.voters=$node_id@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$node_data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
P
  [ $# -gt 0 ] && printf '%s\n' "$@" >> "$node_dir/server.properties"
  [ "${INTEROP_TARGET:-millstream}" = kafka ] || echo "admin.listener=127.0.0.1:$admin" >> "$node_dir/server.properties"
  node_launch
}

# Also for a node that node_stop or node_kill has ended: it starts on its folder and its ports again.
node_launch() {
  if [ "${INTEROP_TARGET:-millstream}" = kafka ]; then node_start_kafka; else node_start_millstream; fi
}

node_start_millstream() {
  local binary=${MILLSTREAM:-$interop_lib/../../target/release/millstream}
  [ -x "$binary" ] || cannot "there is no $binary: cargo build --release"
  "$binary" server "$node_dir/server.properties" > "$node_dir/out" 2> "$node_dir/log" &
  node_pid=$!
  node_await 'grep -qw ready "$node_dir/log"'
}

node_start_kafka() {
  local jars
  jars=$("$interop_lib/get-kafka" tools) || cannot "Apache Kafka could not be assembled"
  local java=(java -Xmx400M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "-Dlog4j2.configurationFile=$interop_lib/log4j2.properties" -cp "$jars/*")
  "${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t MkU3OEVBNTcwNTJENDM2Qg -c "$node_dir/server.properties" > "$node_dir/format" 2>&1 ||
    cannot "Apache Kafka did not format its folder: $(tail -3 "$node_dir/format")"
  "${java[@]:0:1}" -Dinterop.level=INFO "${java[@]:1}" kafka.Kafka "$node_dir/server.properties" > "$node_dir/out" 2> "$node_dir/log" &
  node_pid=$!
  node_await 'grep -q "Kafka Server started" "$node_dir/log"'
}

node_await() { # command
  local tries
  for tries in $(seq 600); do
    if (eval "$1") 2>/dev/null; then return; fi
    kill -0 "$node_pid" 2>/dev/null || cannot "the node ended at its start: $(tail -n 5 "$node_dir/log" "$node_dir/out")"
    sleep 0.1
  done
  cannot "the node was not ready after 60 s: $(tail -5 "$node_dir/log")"
}

# Ends our own node, by its pid, and returns its exit status.
node_stop() {
  [ -n "$node_pid" ] || return 0
  local tries status
  kill -TERM "$node_pid" 2>/dev/null
  for tries in $(seq 300); do
    kill -0 "$node_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$node_pid" 2>/dev/null
  wait "$node_pid" 2>/dev/null
  status=$?
  node_pid=''
  return "$status"
}

node_kill() {
  [ -n "$node_pid" ] || return 0
  kill -KILL "$node_pid"
  wait "$node_pid" 2>/dev/null
  node_pid=''
}

# What a node of ours has left on the disk is sound, whatever its clients did. `finish` asks.
node_verify() {
  [ -n "$node_ours" ] && [ "${INTEROP_TARGET:-millstream}" = millstream ] && [ -z "$node_damaged" ] || return 0
  local binary=${MILLSTREAM:-$interop_lib/../../target/release/millstream} dirs found
  node_stop || fail "the node ends in order" "exit status $?: $(tail -3 "$node_dir/log")"
  IFS=, read -ra dirs <<<"$(sed -n 's/^log\.dirs=//p' "$node_dir/server.properties" | tail -1)"
  if found=$("$binary" log verify "${dirs[@]}" 2>&1); then pass "its files are sound"
  else fail "its files are sound" "$(tail -5 <<<"$found")"; fi
}

node_clean() {
  node_stop
  if [ "$failed" -gt 0 ] && [ -n "${INTEROP_KEEP:-}" ]; then echo "the node's folder is kept: $node_dir"
  else rm -rf "$node_dir"; fi
}
