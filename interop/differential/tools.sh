# Runs the commands of commands.txt at one broker, and names in what they print what belongs to the broker. Sourced by run.

tools_run() { # kafka|millstream bootstrap folder-of-the-node
  local BOOTSTRAP=$2 line number=0 words
  mkdir -p "$work/tools"
  echo '{"partitions":[{"topic":"tool-a","partition":0,"offset":0}],"version":1}' > "$work/offsets.json"
  while read -r line; do
    case $line in '' | '#'*) continue ;; esac
    number=$((number + 1))
    read -ra words <<< "${line//OFFSETS/$work/offsets.json}"
    seconds=30 run_tool "${words[@]}"
    echo "kafka-$line" > "$work/tools/$(printf %03d $number).command"
    { echo "exit status $status"; tools_names "$2" "$3" < "$output"; } > "$work/tools/$(printf %03d $number).$1"
  done < "$here/commands.txt"
}

# Ids, addresses, folders, times and sizes; and the traces of Java's exceptions.
tools_names() { # bootstrap folder-of-the-node
  grep -vE '^[[:space:]]+(at |\.\.\. )' |
    sed -E -e "s#$2[^\" ,\t]*#(folder)#g" -e "s#$1#(address)#g" -e "s#${1#*:}([^0-9]|\$)#(port)\1#g" -e "s#$work#(work)#g" \
      -e 's/TopicId: [A-Za-z0-9_-]{22}/TopicId: (id)/' -e 's/^Cluster ID: .*/Cluster ID: (id)/' -e 's/^ClusterId: .*/ClusterId: (id)/' \
      -e 's/127\.0\.0\.1:[0-9]+/(address)/g' -e 's/^\[?[0-9]{4}-[0-9-]+[ T][0-9:,.]+\]?/(time)/' -e 's/\([a-zA-Z.]+\.[A-Za-z$]+\)$//' \
      -e 's/"size":[0-9]+/"size":(bytes)/g' -e 's/Epoch: [0-9]+/Epoch: (epoch)/'
}
