import java.io.File;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.Schema;

/**
 * Every message class on the class path: requests, responses and headers, and the records of internal topics, of the
 * metadata log and of files. Found by the generated JSON converter that stands beside each of them.
 */
final class Catalog {
    /** One message, by the name that its schema file has. */
    static final class Entry {
        final String family;
        final String name;
        final Class<?> type;
        final short lowest;
        final short highest;

        Entry(String family, Class<?> type) throws ReflectiveOperationException {
            this.family = family;
            this.type = type;
            this.name = schemaName(type.getSimpleName());
            Message message = newMessage();
            this.lowest = message.lowestSupportedVersion();
            this.highest = message.highestSupportedVersion();
        }

        Message newMessage() throws ReflectiveOperationException {
            Constructor<?> constructor = type.getConstructor();
            return (Message) constructor.newInstance();
        }

        Schema schema(short version) throws ReflectiveOperationException {
            return ((Schema[]) type.getField("SCHEMAS").get(null))[version];
        }
    }

    private static final String CONVERTER = "JsonConverter.class";

    /** By schema name, in the order of names. */
    final Map<String, Entry> entries = new TreeMap<>();

    Catalog() throws Exception {
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!path.endsWith(".jar")) continue;
            try (JarFile jar = new JarFile(path)) {
                for (JarEntry file : Collections.list(jar.entries())) {
                    String name = file.getName();
                    if (name.endsWith(CONVERTER) && !name.contains("$")) {
                        add(name.substring(0, name.length() - CONVERTER.length()).replace('/', '.'));
                    }
                }
            }
        }
        if (entries.isEmpty()) throw new IllegalStateException("no message class on the class path");
    }

    private void add(String className) throws Exception {
        Class<?> type = Class.forName(className);
        Entry entry = new Entry(family(type), type);
        if (entries.put(entry.name, entry) != null) throw new IllegalStateException("two messages named " + entry.name);
    }

    List<String> families() {
        List<String> families = new ArrayList<>();
        for (Entry entry : entries.values()) if (!families.contains(entry.family)) families.add(entry.family);
        Collections.sort(families);
        return families;
    }

    /** The classes of requests, responses and headers carry a suffix that their schemas do not have. */
    private static String schemaName(String className) {
        return className.matches(".*(Request|Response|Header)Data") ? className.substring(0, className.length() - 4) : className;
    }

    private static String family(Class<?> type) {
        String where = type.getPackageName();
        if (where.contains("coordinator.group")) return "group";
        if (where.contains("coordinator.transaction")) return "transaction";
        if (where.contains("coordinator.share")) return "share";
        if (where.contains("common.metadata")) return "metadata";
        if (where.contains(".raft.")) return "raft";
        if (where.contains(".log.remote.")) return "storage";
        String name = type.getSimpleName();
        if (name.endsWith("RequestData")) return "requests";
        if (name.endsWith("ResponseData")) return "responses";
        return "common";
    }

    /** One line an api and version: key, name, version, request header version, response header version, stability. */
    static List<String> apis() {
        List<String> lines = new ArrayList<>();
        lines.add("# api key, name, version, request header version, response header version, stable or unstable");
        for (ApiKeys api : ApiKeys.values()) {
            if (!api.hasValidVersion()) continue;
            short highest = api.messageType.highestSupportedVersion(true);
            short stable = api.messageType.highestSupportedVersion(false);
            for (short v = api.messageType.lowestSupportedVersion(); v <= highest; v++) {
                lines.add(String.join("\t", "" + api.id, api.name, "" + v, "" + api.requestHeaderVersion(v),
                    "" + api.responseHeaderVersion(v), v <= stable ? "stable" : "unstable"));
            }
        }
        return lines;
    }

    /** One line a kind of record: family, id, name, lowest and highest version. */
    static List<String> recordTypes() throws ReflectiveOperationException {
        List<String> lines = new ArrayList<>();
        lines.add("# family, record type id, name, lowest version, highest version");
        String[] types = {
            "org.apache.kafka.coordinator.group.generated.CoordinatorRecordType",
            "org.apache.kafka.common.metadata.MetadataRecordType",
            "org.apache.kafka.coordinator.share.generated.CoordinatorRecordType",
            "org.apache.kafka.server.log.remote.metadata.storage.generated.MetadataRecordType",
            "org.apache.kafka.coordinator.transaction.generated.CoordinatorRecordType",
        };
        for (String name : types) {
            Class<?> type = Class.forName(name);
            for (Object kind : type.getEnumConstants()) {
                lines.add(String.join("\t", family(type), call(kind, "id"), call(kind, "toString"),
                    call(kind, "lowestSupportedVersion"), call(kind, "highestSupportedVersion")));
            }
        }
        return lines;
    }

    private static String call(Object target, String method) throws ReflectiveOperationException {
        Method found = target.getClass().getMethod(method);
        return String.valueOf(found.invoke(target));
    }
}
