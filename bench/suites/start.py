"""From the start of the process to the first answer, and to the first record that acks=all acknowledged."""


def run(bench, system_class):
    count = 1 if bench.quick else 5 if system_class.name == "millstream" else 2
    for _ in range(count):
        with system_class(bench.scratch) as system:
            first(bench, system, "in an empty folder", topic=True)
            first(bench, system, "on its data", topic=False)


def first(bench, system, where, topic):
    case = {"start": where}
    with bench.step("start", case, system) as add:
        system.start()
        connection = system.connect()
        answered = system.since_start_ms()
        if topic:
            bench.patiently(lambda: connection.create_topic("first", 1))
        bench.patiently(lambda: bench.written(connection, "first", [0], acks=-1))
        add({"first answer, ms": answered, "first acknowledged record, ms": system.since_start_ms()})
        system.stop()
