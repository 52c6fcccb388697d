"""What all clients share: the settings with which librdkafka finds the node again soon, and a place for what it logs."""
import logging
import os


class Clients:
    """Makes the settings of clients of one node."""

    def __init__(self, bootstrap, folder):
        self.logger = logging.getLogger(f"clients-{bootstrap}")
        self.logger.propagate = False
        self.logger.addHandler(logging.FileHandler(os.path.join(folder, "clients.log")))
        self.logger.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.bootstrap = bootstrap

    def config(self, name, **more):
        config = {
            "bootstrap.servers": self.bootstrap,
            "client.id": name,
            "logger": self.logger,
            "log.connection.close": False,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 10,
            "retry.backoff.max.ms": 100,
            "broker.address.ttl": 60000,
        }
        config.update({key.replace("_", "."): value for key, value in more.items()})
        return config
