/**
 * Leaves a transaction open behind itself. Usage: Open HOST:PORT ID TOPIC added|hanging AGE_MS; prints the producer's id. A hanging one is
 * known to its partition alone: the partition was never added, as by clients before KIP-890 whose writes came late. The record's time is
 * so long ago.
 */
public final class Open {
    private Open() {
    }

    public static void main(String[] args) throws Exception {
        Script.awaitCoordinator(args[0], 1, args[1]);
        try (RawProducer producer = new RawProducer(args[0], args[1])) {
            producer.ageMs = Long.parseLong(args[4]);
            String answers = producer.init();
            if (args[3].equals("added")) answers += " " + producer.add(3, args[2], 0);
            answers += " " + producer.produce(RawProducer.PRODUCE_V1, args[2], 0, "open");
            if (!answers.replace("NONE", "").isBlank()) throw new IllegalStateException(answers);
            System.out.println(producer.producerId);
        }
    }
}
