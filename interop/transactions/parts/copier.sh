# The copier, a client at a time, in as many rounds as 20 seconds have. It has brokers of its own. Under librdkafka's the broker is not
# killed here: README.md says why. Sourced by run.
copier_part() { # client [options]
  timeout 200 "$here/copier" 100 --seconds 20 --only "$@" > "$work/checks" 2> "$work/errors"
  count "copier $1" "$work/checks" $?
}
if [ -n "$node_ours" ]; then
  copier_part java
  copier_part franz-go
  copier_part librdkafka --broker 0
else
  echo "none copier: it kills the broker, which has to be one of ours"
fi
