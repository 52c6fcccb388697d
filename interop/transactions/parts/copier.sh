# The copier, in as many rounds as a minute has. It has brokers of its own. Sourced by run.
if [ -n "$node_ours" ]; then
  timeout 400 "$here/copier" 100 --seconds 60 > "$work/checks" 2> "$work/errors"
  status=$?
  count copier "$work/checks" "$status"
else
  echo "none copier: it kills the broker, which has to be one of ours"
fi
