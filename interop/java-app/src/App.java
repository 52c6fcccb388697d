import java.util.ArrayList;
import java.util.List;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The application: threads that read the input, process a record and write what comes of it, each with a consumer of its own.
 * What happens to it is told on standard output.
 */
public final class App {
    static final int THREADS = 3;

    private App() {
    }

    /** Usage: App HOST:PORT NAME INSTANCE-PREFIX MOMENT N. It ends with the process that started it, and in peace when it is asked to. */
    public static void main(String[] args) throws Exception {
        KafkaProducer<String, String> producer = new KafkaProducer<>(Settings.producer(args[0]), new StringSerializer(), new StringSerializer());
        Moment moment = new Moment(args[3], Integer.parseInt(args[4]));
        List<Worker> workers = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) workers.add(new Worker(args[0], args[1], args[2].isEmpty() ? null : args[2] + i, producer, moment));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            workers.forEach(Worker::leave);
            producer.close();
        }));
        workers.forEach(Thread::start);
        System.in.read();
        Runtime.getRuntime().halt(0);
    }

    static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
