# kafka-cluster, kafka-broker-api-versions.

expect "cluster: id" 0 'Cluster ID: [A-Za-z0-9_-]{22}$' -- cluster cluster-id
expect "cluster: endpoints" 0 'ID +HOST +PORT' "127.0.0.1 +${BOOTSTRAP#*:} " -- cluster list-endpoints
expect "cluster: endpoints with fenced brokers" 0 "127.0.0.1 +${BOOTSTRAP#*:} .*(false|unfenced)" -- cluster list-endpoints --include-fenced-brokers
expect "api versions" 0 "127.0.0.1:${BOOTSTRAP#*:} \(id: [0-9]+ rack: .*\) -> \(" \
  'Produce\(0\): [0-9]+ to [0-9]+ \[usable: [0-9]+\]' 'Fetch\(1\): 4 to [0-9]+' 'Metadata\(3\): 0 to [0-9]+' 'ApiVersions\(18\): 0 to [45]' \
  'OffsetFetch\(9\): 1 to [0-9]+' -- broker-api-versions
