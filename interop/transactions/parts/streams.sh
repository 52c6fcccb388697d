# Kafka Streams with exactly_once_v2, instances in processes of their own. Sourced by run.
streams_jars=$("$here/../lib/get-kafka" streams) || cannot "Kafka Streams could not be assembled"
streams_classes=$(compile "$streams_jars/*" "$here"/streams/*.java "$here/clients/Given.java" "$here"/../kafka-streams/src/{Application,Topic,WordCount}.java \
  "$here/../java/src/Checks.java" "$here"/../lib/java/*.java) || cannot "the Java program could not be compiled"
clients+=("kafka-streams $(jar_version "$streams_jars" kafka-streams)")
java_checks streams 300 -Xmx300M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dinterop.deadline.ms=120000 -Dinterop.transactions.version=2 "-Djava.io.tmpdir=$work" \
  -cp "$streams_jars/*:$streams_classes" Main "$BOOTSTRAP" "$only"
