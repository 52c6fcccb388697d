# librdkafka, by confluent-kafka-python. Sourced by run.
python_install "$here/../confluent-kafka-python" requirements.txt
clients+=("$(python_client "$here/../confluent-kafka-python" confluent-kafka | sed 's/^client: //')")
python_checks "$here/librdkafka" 200 "$only"
