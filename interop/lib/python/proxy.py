"""A proxy in front of one broker that breaks connections at the worst moments.

The broker's answers name the broker's own address; the proxy writes its own port in its place (of the same length), so that
a client stays with it. It knows requests apart by their api key, and answers come in the order of the requests.
"""
import collections
import socket
import struct
import threading

PRODUCE = 0


class Proxy:
    """Listens on `address`. With `cut_every=N`, every Nth Produce request breaks its connection: in turn after the broker has
    answered it and before the client has that answer, and after half of the request."""

    def __init__(self, bootstrap, cut_every=None):
        host, port = bootstrap.rsplit(":", 1)
        self.broker = host, int(port)
        self.cut_every, self.produced, self.cuts = cut_every, 0, 0
        self.lock, self.open, self.closed = threading.Lock(), [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.theirs = self._named(self.broker[1])
        self.ours = self._named(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _named(port):
        return b"127.0.0.1" + struct.pack(">i", port)

    def close(self):
        """Every connection ends without a word, and no new one comes about: to the broker, its client died."""
        with self.lock:
            self.closed = True
            sockets, self.open = [self.listener, *self.open], []
        for each in sockets:
            self._end(each)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                broker = socket.create_connection(self.broker)
            except OSError:
                return
            with self.lock:
                if self.closed:
                    self._end(client)
                    self._end(broker)
                    return
                self.open += [client, broker]
            link = Link(client, broker)
            for pump in (self._requests, self._answers):
                threading.Thread(target=self._pump, args=(pump, link), daemon=True).start()

    def _pump(self, pump, link):
        try:
            pump(link)
        except OSError:
            pass
        self._end(link.client)
        self._end(link.broker)

    @staticmethod
    def _end(each):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()

    def _requests(self, link):
        while frame := receive(link.client):
            moment = self._moment(frame)
            if moment == "half of the request":
                link.broker.sendall(frame[:len(frame) // 2])
                return
            link.moments.append(moment)
            link.broker.sendall(frame)

    def _moment(self, frame):
        if self.cut_every is None or struct.unpack_from(">h", frame, 4)[0] != PRODUCE:
            return None
        with self.lock:
            self.produced += 1
            if self.produced % self.cut_every:
                return None
            self.cuts += 1
            return "before the answer" if self.cuts % 2 else "half of the request"

    def _answers(self, link):
        while frame := receive(link.broker):
            if link.moments.popleft() == "before the answer":
                return
            link.client.sendall(frame.replace(self.theirs, self.ours))


class Link:
    """One client's connection: both sockets, and for each request on its way what happens to its answer."""

    def __init__(self, client, broker):
        self.client, self.broker, self.moments = client, broker, collections.deque()


def receive(connection):
    """A frame with its length, or nothing at the connection's end."""
    size = exactly(connection, 4)
    if not size:
        return None
    rest = exactly(connection, struct.unpack(">i", size)[0])
    return rest and size + rest


def exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            return None
        data += chunk
    return bytes(data)
