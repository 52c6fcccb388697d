import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * What Kafka's own message classes write and read. A case is a line: schema name, version, bytes in hex, with a tab
 * between them; a line that starts with '#' is a comment.
 *
 *   generate N SEED FILE   N cases of every message and version
 *   verify FILE            every line is read and written again to the same bytes
 *   golden FOLDER          the small sample that the codec's own tests read: messages/, one file a family, and tables/
 *                          of api versions and record types
 */
public final class Oracle {
    private static final long GOLDEN_SEED = 44;
    private static final int GOLDEN_CASES = 6;

    public static void main(String[] args) throws Exception {
        String mode = args.length == 0 ? "" : args[0];
        if (mode.equals("generate") && args.length == 4) {
            generate(Integer.parseInt(args[1]), Long.parseLong(args[2]), Path.of(args[3]));
        } else if (mode.equals("verify") && args.length == 2) {
            verify(Path.of(args[1]));
        } else if (mode.equals("golden") && args.length == 2) {
            golden(Path.of(args[1]));
        } else {
            System.err.println("usage: generate N SEED FILE | verify FILE | golden FOLDER");
            System.exit(2);
        }
    }

    private static void generate(int cases, long seed, Path file) throws Exception {
        int lines = 0;
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (Catalog.Entry entry : new Catalog().entries.values()) lines += write(entry, cases, seed, Generator.Style.WIDE, out);
        }
        System.out.println(lines + " cases written");
    }

    private static void golden(Path folder) throws Exception {
        Path messages = Files.createDirectories(folder.resolve("messages"));
        Path tables = Files.createDirectories(folder.resolve("tables"));
        Catalog catalog = new Catalog();
        for (String family : catalog.families()) {
            try (BufferedWriter out = Files.newBufferedWriter(messages.resolve(family + ".tsv"))) {
                for (Catalog.Entry entry : catalog.entries.values()) {
                    if (entry.family.equals(family)) write(entry, GOLDEN_CASES, GOLDEN_SEED, Generator.Style.RANDOM, out);
                }
            }
        }
        Files.write(tables.resolve("apis.tsv"), Catalog.apis());
        Files.write(tables.resolve("record-types.tsv"), Catalog.recordTypes());
    }

    /** The first case has every default and the second every field, the others are of the style. */
    private static int write(Catalog.Entry entry, int cases, long seed, Generator.Style style, Writer out) throws Exception {
        int lines = 0;
        for (short version = entry.lowest; version <= entry.highest; version++) {
            for (int i = 0; i < cases; i++) {
                // A message's cases depend on nothing but itself, so that a new message leaves the others as they were.
                Random random = new Random(seed * 31 + (entry.name + '/' + version + '/' + i).hashCode());
                Generator.Style now = i == 0 ? Generator.Style.DEFAULTS : i == 1 ? Generator.Style.FULL : style;
                Message message = entry.newMessage();
                new Generator(random, now).fill(message, entry.schema(version));
                out.write(entry.name + '\t' + version + '\t' + hex(encode(message, version)) + '\n');
                lines++;
            }
        }
        return lines;
    }

    private static void verify(Path file) throws Exception {
        Catalog catalog = new Catalog();
        int right = 0;
        int wrong = 0;
        try (BufferedReader in = Files.newBufferedReader(file)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.isEmpty() || line.startsWith("#")) continue;
                String trouble = trouble(catalog, line);
                if (trouble == null) {
                    right++;
                } else if (++wrong <= 20) {
                    System.out.println("FAIL " + trouble + ": " + line);
                }
            }
        }
        System.out.println(right + " passed, " + wrong + " failed");
        if (wrong > 0 || right == 0) System.exit(1);
    }

    /** Why a line is not what Java would write, or null. */
    private static String trouble(Catalog catalog, String line) throws Exception {
        String[] parts = line.split("\t", -1);
        if (parts.length != 3) return "not three columns";
        Catalog.Entry entry = catalog.entries.get(parts[0]);
        if (entry == null) return "no such message";
        short version = Short.parseShort(parts[1]);
        ByteBuffer bytes = ByteBuffer.wrap(unhex(parts[2]));
        Message message = entry.newMessage();
        try {
            message.read(new ByteBufferAccessor(bytes.duplicate()), version);
            ByteBuffer again = encode(message, version);
            return again.equals(bytes) ? null : "Java writes " + hex(again);
        } catch (RuntimeException e) {
            return "Java does not read it: " + e;
        }
    }

    private static ByteBuffer encode(Message message, short version) {
        return MessageUtil.toByteBufferAccessor(message, version).buffer();
    }

    private static String hex(ByteBuffer bytes) {
        StringBuilder hex = new StringBuilder();
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            hex.append(Character.forDigit((bytes.get(i) >> 4) & 15, 16)).append(Character.forDigit(bytes.get(i) & 15, 16));
        }
        return hex.toString();
    }

    private static byte[] unhex(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        return bytes;
    }
}
