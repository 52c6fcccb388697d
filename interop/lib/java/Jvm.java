import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A Java program in a process of its own. */
final class Jvm {
    private Jvm() {
    }

    /** One of the running program's own classes. */
    static ProcessBuilder of(Class<?> main, String... arguments) {
        return of(System.getProperty("java.class.path"), main.getName(), arguments);
    }

    static ProcessBuilder of(String classPath, String main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx200M",
            "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"), "-cp", classPath, main));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }
}
