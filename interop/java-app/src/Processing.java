import java.util.HashMap;
import java.util.Map;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** What the application does with a record. Some are in order only at the third attempt, some never. */
final class Processing {
    static final int ATTEMPTS = 3;
    private final Map<TopicPartition, Integer> attempts = new HashMap<>();

    static final class TryAgain extends Exception {
        private static final long serialVersionUID = 1L;
    }

    static final class Poison extends Exception {
        private static final long serialVersionUID = 1L;
    }

    static boolean isPoison(int number) {
        return number % 101 == 100;
    }

    static boolean isSlow(int number) {
        return number % 150 == 149;
    }

    static String result(int number) {
        return "result of " + number;
    }

    String of(ConsumerRecord<String, String> record) throws TryAgain, Poison {
        int number = Integer.parseInt(record.value());
        if (isPoison(number)) throw new Poison();
        TopicPartition partition = new TopicPartition(record.topic(), record.partition());
        if (isSlow(number) && attempts.merge(partition, 1, Integer::sum) < ATTEMPTS) throw new TryAgain();
        attempts.remove(partition);
        return result(number);
    }
}
