# kafkajs. Sourced by run.
javascript_install "$here/../kafkajs"
clients+=("$(javascript_client "$here/../kafkajs" | sed 's/^client: //')")
javascript_checks "$here/kafkajs" 150 "$only"
