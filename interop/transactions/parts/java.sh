# The newest Java client. Sourced by run.
java_part java "$newest" 2
