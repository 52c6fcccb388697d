import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;

import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** A connection over which any request goes, in any version and at any time: what no client would send. */
final class Wire implements AutoCloseable {
    private static final int TIMEOUT_MS = 40_000;

    private final Socket socket;
    private final DataInputStream in;
    private final OutputStream out;
    private int correlationId;

    Wire(String bootstrap) throws IOException {
        int colon = bootstrap.lastIndexOf(':');
        socket = new Socket(bootstrap.substring(0, colon), Integer.parseInt(bootstrap.substring(colon + 1)));
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(TIMEOUT_MS);
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
        out = socket.getOutputStream();
    }

    /** Sends a request and waits for its answer. */
    <T extends ApiMessage> T ask(int version, ApiMessage request) throws IOException {
        send(version, request);
        return answer(version, request);
    }

    void send(int version, ApiMessage request) throws IOException {
        ApiKeys api = ApiKeys.forId(request.apiKey());
        RequestHeaderData header = new RequestHeaderData().setRequestApiKey(api.id).setRequestApiVersion((short) version)
            .setCorrelationId(++correlationId).setClientId("wire");
        short headerVersion = api.requestHeaderVersion((short) version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        int size = header.size(cache, headerVersion) + request.size(cache, (short) version);
        ByteBufferAccessor frame = new ByteBufferAccessor(ByteBuffer.allocate(4 + size));
        frame.writeInt(size);
        header.write(frame, cache, headerVersion);
        request.write(frame, cache, (short) version);
        out.write(frame.buffer().array());
    }

    /** The next answer, which is to a request of this kind. */
    @SuppressWarnings("unchecked")
    <T extends ApiMessage> T answer(int version, ApiMessage request) throws IOException {
        ApiKeys api = ApiKeys.forId(request.apiKey());
        byte[] frame = new byte[in.readInt()];
        in.readFully(frame);
        ByteBufferAccessor bytes = new ByteBufferAccessor(ByteBuffer.wrap(frame));
        new ResponseHeaderData().read(bytes, api.responseHeaderVersion((short) version));
        Message response = api.messageType.newResponse();
        response.read(bytes, (short) version);
        return (T) response;
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
