import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/**
 * The oracle of record batches, on Kafka's published artifacts.
 *
 *   java -cp 'LIBS/*' RecordsGolden.java write DIR   writes one batch a file: crates/protocol/testdata/records
 *   java -cp 'LIBS/*' RecordsGolden.java read DIR    checks every batch in a directory, and prints its records
 */
public class RecordsGolden {
    static final long BASE_OFFSET = 1000;
    static final int LEADER_EPOCH = 5;
    static final long TIME = 1_700_000_000_000L;

    /** What a batch is besides its records. */
    static final class Shape {
        Compression compression = Compression.NONE;
        TimestampType timestampType = TimestampType.CREATE_TIME;
        long appendTime = RecordBatch.NO_TIMESTAMP;
        long producerId = RecordBatch.NO_PRODUCER_ID;
        short producerEpoch = RecordBatch.NO_PRODUCER_EPOCH;
        int baseSequence = RecordBatch.NO_SEQUENCE;
        boolean transactional;
        boolean control;
        long deleteHorizon = RecordBatch.NO_TIMESTAMP;

        Shape producer(int sequence) {
            producerId = 7;
            producerEpoch = 2;
            baseSequence = sequence;
            return this;
        }

        MemoryRecordsBuilder builder() {
            return new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), RecordBatch.MAGIC_VALUE_V2, compression,
                timestampType, BASE_OFFSET, appendTime, producerId, producerEpoch, baseSequence, transactional, control,
                LEADER_EPOCH, Integer.MAX_VALUE, deleteHorizon);
        }
    }

    interface Fill {
        void append(MemoryRecordsBuilder builder);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Nulls, empties, a key of a header that comes twice, a timestamp that goes back. */
    static void records(MemoryRecordsBuilder builder) {
        Header[] headers = {
            new RecordHeader("h", utf8("1")), new RecordHeader("h", null), new RecordHeader("", new byte[0]),
            new RecordHeader("\u00e9", utf8("x")), new RecordHeader("h", utf8("1")),
        };
        builder.append(TIME, null, utf8("value"));
        builder.append(TIME + 500, new byte[0], null);
        builder.append(TIME - 3, utf8("key"), new byte[0], headers);
    }

    /** More than a block of any codec. */
    static void large(MemoryRecordsBuilder builder) {
        byte[] value = new byte[150_000];
        for (int i = 0; i < value.length; i++) value[i] = (byte) (i / 100);
        builder.append(TIME, utf8("key"), value);
        builder.append(TIME, utf8("key"), utf8("after"));
    }

    static void write(Path dir, String name, Shape shape, Fill fill) throws IOException {
        MemoryRecordsBuilder builder = shape.builder();
        fill.append(builder);
        ByteBuffer buffer = builder.build().buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        Files.write(dir.resolve(name + ".bin"), bytes);
    }

    static void writeAll(Path dir) throws IOException {
        write(dir, "plain", new Shape(), RecordsGolden::records);
        write(dir, "idempotent", new Shape().producer(Integer.MAX_VALUE - 1), RecordsGolden::records);

        Shape transactional = new Shape().producer(0);
        transactional.transactional = true;
        write(dir, "transactional", transactional, RecordsGolden::records);

        Shape appendTime = new Shape();
        appendTime.timestampType = TimestampType.LOG_APPEND_TIME;
        appendTime.appendTime = TIME + 9999;
        write(dir, "log-append-time", appendTime, RecordsGolden::records);

        Shape horizon = new Shape();
        horizon.deleteHorizon = TIME + 86_400_000;
        write(dir, "delete-horizon", horizon, RecordsGolden::records);

        write(dir, "sparse", new Shape(), builder -> {
            builder.appendWithOffset(BASE_OFFSET, TIME, utf8("a"), null);
            builder.appendWithOffset(BASE_OFFSET + 3, TIME, utf8("b"), null);
            builder.appendWithOffset(BASE_OFFSET + 7, TIME, utf8("c"), null);
            builder.overrideLastOffset(BASE_OFFSET + 200);
        });

        ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(empty, RecordBatch.MAGIC_VALUE_V2, 7, (short) 2, 40, BASE_OFFSET,
            BASE_OFFSET + 9, LEADER_EPOCH, TimestampType.CREATE_TIME, TIME, true, false);
        Files.write(dir.resolve("empty.bin"), empty.array());

        for (Compression compression : List.of(Compression.gzip().build(), Compression.snappy().build(),
                Compression.lz4().build(), Compression.lz4().level(12).build(), Compression.zstd().build())) {
            String name = compression.type().name;
            if (compression.equals(Compression.lz4().level(12).build())) name += "-high";
            Shape shape = new Shape();
            shape.compression = compression;
            write(dir, name, shape, RecordsGolden::records);
            write(dir, name + "-large", shape, RecordsGolden::large);
        }
        writeControl(dir);
    }

    static void writeControl(Path dir) throws IOException {
        Shape marker = new Shape().producer(RecordBatch.NO_SEQUENCE);
        marker.transactional = true;
        marker.control = true;
        write(dir, "control-commit", marker,
            b -> b.appendEndTxnMarker(TIME, new EndTransactionMarker(ControlRecordType.COMMIT, 13)));
        write(dir, "control-abort", marker,
            b -> b.appendEndTxnMarker(TIME, new EndTransactionMarker(ControlRecordType.ABORT, 13)));

        Shape quorum = new Shape();
        quorum.control = true;
        write(dir, "control-leader-change", quorum, b -> b.appendLeaderChangeMessage(TIME, new LeaderChangeMessage()
            .setLeaderId(1).setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1)))));
        write(dir, "control-snapshot-header", quorum, b -> b.appendSnapshotHeaderMessage(TIME,
            new SnapshotHeaderRecord().setVersion((short) 0).setLastContainedLogTimestamp(TIME)));
        write(dir, "control-snapshot-footer", quorum,
            b -> b.appendSnapshotFooterMessage(TIME, new SnapshotFooterRecord().setVersion((short) 0)));
        write(dir, "control-kraft-version", quorum,
            b -> b.appendKRaftVersionMessage(TIME, new KRaftVersionRecord().setKRaftVersion((short) 1)));
        VotersRecord.Voter voter = new VotersRecord.Voter().setVoterId(1).setVoterDirectoryId(new Uuid(1, 2))
            .setKRaftVersionFeature(new VotersRecord.KRaftVersionFeature());
        write(dir, "control-kraft-voters", quorum,
            b -> b.appendVotersMessage(TIME, new VotersRecord().setVersion((short) 0).setVoters(List.of(voter))));
    }

    static void readAll(Path dir) throws IOException {
        List<Path> files;
        try (var list = Files.list(dir)) {
            files = list.filter(path -> path.toString().endsWith(".bin")).sorted().toList();
        }
        for (Path file : files) {
            for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file))).batches()) {
                batch.ensureValid();
                System.out.println(file.getFileName() + " " + batch.compressionType() + " " + batch);
                List<String> records = new ArrayList<>();
                for (Record record : batch) records.add("  " + describe(batch, record));
                records.forEach(System.out::println);
            }
        }
    }

    static String describe(RecordBatch batch, Record record) {
        StringBuilder text = new StringBuilder("offset=" + record.offset() + " timestamp=" + record.timestamp());
        if (batch.isControlBatch()) text.append(" control=").append(ControlRecordType.parse(record.key()));
        text.append(" key=").append(bytes(record.key())).append(" value=").append(bytes(record.value()));
        for (Header header : record.headers()) {
            byte[] value = header.value();
            text.append(' ').append(header.key()).append('=').append(bytes(value == null ? null : ByteBuffer.wrap(value)));
        }
        return text.toString();
    }

    static String bytes(ByteBuffer buffer) {
        if (buffer == null) return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes.length > 40 ? bytes.length + " bytes, hash " + Arrays.hashCode(bytes) : Arrays.toString(bytes);
    }

    public static void main(String[] args) throws IOException {
        Path dir = Path.of(args[1]);
        switch (args[0]) {
            case "write" -> writeAll(dir);
            case "read" -> readAll(dir);
            default -> throw new IllegalArgumentException("write or read, not " + args[0]);
        }
    }
}
