# An older Java client, which knows of no transactions v2. Sourced by run.
oldest=$("$here/../lib/get-kafka" oldest) || cannot "the older Java client could not be assembled"
java_part java-v1 "$oldest" 1
