import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A proxy in front of one broker that breaks connections at the worst moments. The broker's answers name the broker's own
 * address; the proxy writes its own port in its place, so that a client stays with it.
 */
final class Proxy implements AutoCloseable {
    private enum Moment { NONE, HALF_OF_THE_REQUEST, BEFORE_THE_ANSWER }

    private static final int PRODUCE = 0;
    private static final String HOST = "127.0.0.1";

    private final int brokerPort;
    private final int cutEvery;
    private final ServerSocket listener;
    private final List<Socket> open = new ArrayList<>();
    private boolean closed;
    private int produced;
    private int cuts;

    /** Every Nth Produce request breaks its connection: in turn after half of it, and after the broker has answered it. 0: none. */
    Proxy(String bootstrap, int cutEvery) throws IOException {
        this.brokerPort = Integer.parseInt(bootstrap.substring(bootstrap.lastIndexOf(':') + 1));
        this.cutEvery = cutEvery;
        this.listener = new ServerSocket(0, 50, InetAddress.getByName(HOST));
        start(this::accept);
    }

    String address() {
        return HOST + ":" + listener.getLocalPort();
    }

    synchronized int cuts() {
        return cuts;
    }

    /** Every connection ends without a word, and no new one comes about: to the broker, its client died. */
    synchronized void die() throws IOException {
        closed = true;
        listener.close();
        for (Socket socket : open) socket.close();
    }

    @Override
    public void close() throws IOException {
        die();
    }

    private interface Pump {
        void run() throws IOException, InterruptedException;
    }

    private static void start(Pump pump, Socket... sockets) {
        Thread thread = new Thread(() -> {
            try {
                pump.run();
            } catch (IOException | InterruptedException e) {
                // An end of the connection is what this is for.
            } finally {
                for (Socket socket : sockets) {
                    try {
                        socket.close();
                    } catch (IOException e) {
                        // It is closed.
                    }
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = listener.accept();
            Socket broker = new Socket(HOST, brokerPort);
            synchronized (this) {
                open.addAll(List.of(client, broker));
                if (closed) die();
            }
            BlockingQueue<Moment> moments = new LinkedBlockingQueue<>();
            start(() -> requests(client, broker, moments), client, broker);
            start(() -> answers(client, broker, moments), client, broker);
        }
    }

    private void requests(Socket client, Socket broker, BlockingQueue<Moment> moments) throws IOException {
        DataInputStream in = new DataInputStream(client.getInputStream());
        OutputStream out = broker.getOutputStream();
        while (true) {
            byte[] frame = frame(in);
            Moment moment = moment(frame);
            if (moment == Moment.HALF_OF_THE_REQUEST) {
                out.write(frame, 0, frame.length / 2);
                return;
            }
            moments.add(moment);
            out.write(frame);
        }
    }

    private synchronized Moment moment(byte[] frame) {
        if (cutEvery == 0 || ByteBuffer.wrap(frame).getShort(4) != PRODUCE || ++produced % cutEvery != 0) return Moment.NONE;
        return ++cuts % 2 == 0 ? Moment.HALF_OF_THE_REQUEST : Moment.BEFORE_THE_ANSWER;
    }

    private void answers(Socket client, Socket broker, BlockingQueue<Moment> moments) throws IOException, InterruptedException {
        DataInputStream in = new DataInputStream(broker.getInputStream());
        OutputStream out = client.getOutputStream();
        byte[] theirs = named(brokerPort), ours = named(listener.getLocalPort());
        while (true) {
            byte[] frame = frame(in);
            if (moments.take() == Moment.BEFORE_THE_ANSWER) return;
            for (int at = 0; at + theirs.length <= frame.length; at++) {
                if (Arrays.equals(frame, at, at + theirs.length, theirs, 0, theirs.length)) System.arraycopy(ours, 0, frame, at, ours.length);
            }
            out.write(frame);
        }
    }

    /** An address as the answers have it: the host, and the port behind it. */
    private static byte[] named(int port) {
        return ByteBuffer.allocate(HOST.length() + 4).put(HOST.getBytes(StandardCharsets.US_ASCII)).putInt(port).array();
    }

    /** A frame with its length. */
    private static byte[] frame(DataInputStream in) throws IOException {
        int size = in.readInt();
        byte[] frame = ByteBuffer.allocate(4 + size).putInt(size).array();
        in.readFully(frame, 4, size);
        return frame;
    }
}
