//! Connection, admin, producer, consumer: how everything else talks to a broker.
