import java.util.List;
import java.util.Map;

import org.apache.kafka.common.message.WriteTxnMarkersRequestData;
import org.apache.kafka.common.message.WriteTxnMarkersResponseData;

/** WriteTxnMarkers, as other brokers and the admin send it. */
final class MarkerScripts {
    private MarkerScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("WriteTxnMarkers: v1", script -> markers(script, 1, 0));
        checks.put("WriteTxnMarkers: v2, of transactions v1", script -> markers(script, 2, 0));
        checks.put("WriteTxnMarkers: v2, of transactions v2 (KIP-1228)", script -> markers(script, 2, 2));
        checks.put("WriteTxnMarkers: of nobody", MarkerScripts::ofNobody);
    }

    private static void markers(Script s, int version, int transactions) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        p.init();
        s.say("produce", p.produce(RawProducer.PRODUCE_V2, topic, 0, "v"));
        int[][] epochs = {{-1, 0}, {0, 0}, {0, 0}, {1, 0}, {1, 0}, {0, 0}, {2, 3}, {3, 2}, {3, 3}};
        for (int[] each : epochs) {
            s.say("epoch " + (p.epoch + each[0]) + ", coordinator " + each[1], marker(s, version, transactions, p.producerId, p.epoch + each[0], each[1], topic, 0));
            s.say("partition", s.producers(topic, 0));
        }
        s.say("a write after that", s.twin(p).produce(RawProducer.PRODUCE_V2, topic, 0, "w"));
    }

    private static void ofNobody(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        s.versions("a producer id that never wrote", new int[] {1, 2}, version -> marker(s, version, 0, p.producerId, 0, 0, topic, 0));
        s.say("partition", s.producers(topic, 0));
        s.versions("a partition that is not there", new int[] {1, 2}, version -> marker(s, version, 0, p.producerId, 0, 0, topic, 9));
        s.versions("a topic that is not there", new int[] {1, 2}, version -> marker(s, version, 0, p.producerId, 0, 0, "not-there", 0));
    }

    private static String marker(Script s, int version, int transactions, long producerId, int epoch, int coordinatorEpoch, String topic, int partition) throws Exception {
        WriteTxnMarkersRequestData.WritableTxnMarker marker = new WriteTxnMarkersRequestData.WritableTxnMarker().setProducerId(producerId).setProducerEpoch((short) epoch)
            .setCoordinatorEpoch(coordinatorEpoch).setTransactionResult(false)
            .setTopics(List.of(new WriteTxnMarkersRequestData.WritableTxnMarkerTopic().setName(topic).setPartitionIndexes(List.of(partition))));
        if (version >= 2) marker.setTransactionVersion((byte) transactions);
        WriteTxnMarkersResponseData answer = RawProducer.ask(s.bootstrap, version, new WriteTxnMarkersRequestData().setMarkers(List.of(marker)));
        return RawProducer.name(answer.markers().get(0).topics().get(0).partitions().get(0).errorCode());
    }
}
