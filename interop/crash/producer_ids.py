"""Producer ids are given out once, whatever happens in between. Asked for on the bare wire: clients do not tell theirs."""
import socket
import struct

INIT_PRODUCER_ID = 22


class ProducerIds:
    def __init__(self, verdict):
        self.verdict, self.seen = verdict, set()

    def check(self, address, count=5):
        """Takes some more and says when one was there before."""
        with socket.create_connection(address, timeout=10) as connection:
            for correlation in range(count):
                # Header version 1 without a client id; no transactional id.
                body = struct.pack(">hhihhi", INIT_PRODUCER_ID, 0, correlation, -1, -1, 60000)
                connection.sendall(struct.pack(">i", len(body)) + body)
                answer = b""
                while len(answer) < 24:
                    got = connection.recv(24 - len(answer))
                    if not got:
                        self.verdict.violation("InitProducerId: the connection was closed")
                        return
                    answer += got
                _, _, _, error, producer_id, _ = struct.unpack(">iiihqh", answer)
                if error:
                    self.verdict.violation(f"InitProducerId: error {error}")
                elif producer_id in self.seen:
                    self.verdict.violation(f"InitProducerId: {producer_id} was given out before")
                self.seen.add(producer_id)
