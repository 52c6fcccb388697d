//! Black box tests: the real binary, librdkafka and raw sockets, only the wire. One binary, so that librdkafka links once.
