import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Fills a message with values. Which fields a version has, and whether they may be null, is read from the schema that
 * is generated with the message class; values are set through its setters, so that the class writes its own bytes.
 */
final class Generator {
    enum Style {
        /** Nothing set: the defaults of every field. */
        DEFAULTS,
        /** Nothing null, every tagged field set, one or two elements an array. */
        FULL,
        /** Anything that is legal, kept short. */
        RANDOM,
        /** Anything that is legal, and now and then a length at the border of a length prefix. */
        WIDE
    }

    /** Above every tag that a schema has today, so that they stay unknown; at the borders of a varint. */
    private static final int[] UNKNOWN_TAGS = {57, 127, 128, 9999, 16383, 16384, 2097152, Integer.MAX_VALUE - 1};
    private static final String[] STRINGS = {
        "a", "topic-1", "Größe", "名前", "\uD83E\uDD80 crab", "\u0000", "a b\tc\n", "\u07FF\u0800\uFFFF", "__consumer_offsets"};
    private static final int[] BORDERS = {126, 127, 128, 300, 16383};

    private final Random random;
    private final Style style;
    private static final Map<String, Method> SETTERS = new HashMap<>();

    Generator(Random random, Style style) {
        this.random = random;
        this.style = style;
    }

    void fill(Message message, Schema schema) throws ReflectiveOperationException {
        if (style == Style.DEFAULTS) return;
        for (BoundField bound : schema.fields()) {
            Field field = bound.def;
            if (field.type instanceof TaggedFields) {
                for (Field tagged : ((TaggedFields) field.type).fields().values()) {
                    if (style == Style.FULL || random.nextInt(3) > 0) set(message, tagged);
                }
                addUnknownTags(message);
            } else {
                set(message, field);
            }
        }
    }

    private void addUnknownTags(Message message) {
        int count = style == Style.FULL ? 1 : Math.max(0, random.nextInt(5) - 2);
        TreeSet<Integer> tags = new TreeSet<>();
        while (tags.size() < count) tags.add(UNKNOWN_TAGS[random.nextInt(UNKNOWN_TAGS.length)]);
        for (int tag : tags) message.unknownTaggedFields().add(new RawTaggedField(tag, bytes()));
    }

    private void set(Message message, Field field) throws ReflectiveOperationException {
        Method setter = setter(message.getClass(), field.name);
        Object value = field.type.isNullable() && style != Style.FULL && random.nextInt(4) == 0
            ? null
            : value(field.type, setter.getGenericParameterTypes()[0]);
        try {
            setter.invoke(message, value);
        } catch (InvocationTargetException e) {
            throw new IllegalStateException("cannot set " + field.name + " of " + message.getClass(), e.getCause());
        }
    }

    /** Schemas spell names in snake case, setters in camel case. */
    private static Method setter(Class<?> type, String field) {
        String wanted = "set" + field.replace("_", "");
        return SETTERS.computeIfAbsent(type.getName() + '#' + wanted, key -> {
            for (Method method : type.getMethods()) {
                if (method.getName().equalsIgnoreCase(wanted) && method.getParameterCount() == 1) return method;
            }
            throw new IllegalStateException("no setter for " + field + " in " + type);
        });
    }

    private Object value(org.apache.kafka.common.protocol.types.Type type, Type java) throws ReflectiveOperationException {
        if (type.isArray()) return array(type.arrayElementType().get(), java);
        if (type instanceof Schema) {
            Message struct = (Message) ((Class<?>) java).getConstructor().newInstance();
            fill(struct, (Schema) type);
            return struct;
        }
        switch (type.toString().replace("COMPACT_", "").replace("NULLABLE_", "")) {
            case "BOOLEAN": return style == Style.FULL || random.nextBoolean();
            case "INT8": return (byte) number(Byte.MIN_VALUE, Byte.MAX_VALUE);
            case "INT16": return (short) number(Short.MIN_VALUE, Short.MAX_VALUE);
            case "UINT16": return (int) number(0, 0xFFFF);
            case "INT32": return (int) number(Integer.MIN_VALUE, Integer.MAX_VALUE);
            case "UINT32": return number(0, 0xFFFFFFFFL);
            case "INT64": return number(Long.MIN_VALUE, Long.MAX_VALUE);
            case "FLOAT64": return real();
            case "UUID": return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
            case "STRING": return string();
            case "BYTES": return java == byte[].class ? (Object) bytes() : ByteBuffer.wrap(bytes());
            case "RECORDS": return records();
            default: throw new IllegalStateException("a type this program does not know: " + type);
        }
    }

    @SuppressWarnings("unchecked")
    private Object array(org.apache.kafka.common.protocol.types.Type element, Type java) throws ReflectiveOperationException {
        Type elementJava;
        Collection<Object> array;
        if (java instanceof ParameterizedType) {
            elementJava = ((ParameterizedType) java).getActualTypeArguments()[0];
            array = new ArrayList<>();
        } else {
            Class<?> collection = (Class<?>) java;
            elementJava = ((ParameterizedType) collection.getGenericSuperclass()).getActualTypeArguments()[0];
            array = (Collection<Object>) collection.getConstructor().newInstance();
        }
        int length = length();
        for (int i = 0; i < length; i++) array.add(value(element, elementJava));
        return array;
    }

    private int length() {
        if (style == Style.FULL) return 1 + random.nextInt(2);
        // Rare enough, that a border within a border does not explode.
        if (style == Style.WIDE && random.nextInt(400) == 0) return BORDERS[random.nextInt(3)];
        return random.nextInt(3);
    }

    private long number(long lowest, long highest) {
        switch (random.nextInt(6)) {
            case 0: return lowest;
            case 1: return highest;
            case 2: return lowest < 0 ? -1 : 1;
            case 3: return 0;
            case 4: return random.nextInt(100);
            default: return highest == Long.MAX_VALUE ? random.nextLong() : lowest + Math.floorMod(random.nextLong(), highest - lowest + 1);
        }
    }

    private double real() {
        double[] odd = {0.0, -0.0, 1.5, Double.NaN, Double.POSITIVE_INFINITY, Double.MIN_VALUE, -Double.MAX_VALUE};
        int pick = random.nextInt(odd.length + 2);
        return pick < odd.length ? odd[pick] : random.nextGaussian() * 1e9;
    }

    private String string() {
        if (style == Style.WIDE && random.nextInt(60) == 0) return "x".repeat(BORDERS[random.nextInt(BORDERS.length)]);
        int pick = random.nextInt(STRINGS.length + 2);
        if (pick < STRINGS.length) return STRINGS[pick];
        return style == Style.FULL ? "full" : "";
    }

    private byte[] bytes() {
        int length = random.nextInt(9);
        if (style == Style.WIDE && random.nextInt(60) == 0) length = BORDERS[random.nextInt(BORDERS.length)];
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** A message does not look into records: half the time they are bytes of no meaning. */
    private MemoryRecords records() {
        if (random.nextBoolean()) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        return MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(random.nextInt(1000), bytes(), bytes()));
    }
}
