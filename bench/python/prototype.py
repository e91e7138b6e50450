"""The design of the prototype mini-broker (DMTN-081): each filter is a process, which decodes the whole stream.

Each process consumes the topic in a group of its own, decodes whole alerts with fastavro, and sends the first 20 bright
and significant alerts of a visit, unchanged, to a topic of its own. Prints one JSON object with the seconds of CPU of
each process, the seconds of wall-clock time, the number of accepted alerts, and the topics written.
"""

import argparse
import collections
import io
import json
import math
import multiprocessing
import struct
import time
from pathlib import Path

import confluent_kafka
import fastavro

QUOTA = 20


def schemas(folder):
    """LSST's schemas by Confluent id."""
    found = {}
    for path in Path(folder).glob("lsst.v*_*.alert.avsc"):
        major, minor = path.name.split(".")[1][1:].split("_")
        found[int(major) * 100 + int(minor)] = fastavro.parse_schema(json.loads(path.read_text()))
    return found


def decode(packet, known):
    """Decodes Confluent's wire format: a byte 0, the schema's id in four bytes, and the alert."""
    magic, schema = struct.unpack(">bI", packet[:5])
    assert magic == 0, "no alert in Confluent's wire format"
    return fastavro.schemaless_reader(io.BytesIO(packet[5:]), known[schema])


def accepts(alert, limit):
    """Whether the source is brighter than a magnitude, and well above the noise."""
    source = alert["diaSource"]
    flux, error = source["psfFlux"], source["psfFluxErr"]
    if flux is None or error is None or flux <= 0:
        return False
    return 31.4 - 2.5 * math.log10(flux) < limit and flux / error >= 5


def messages(consumer):
    """Yields messages as they arrive."""
    while batch := consumer.consume(50, 60):
        for message in batch:
            if message.error():
                raise confluent_kafka.KafkaException(message.error())
            yield message
    raise TimeoutError("no message came for 60 s")


def run(number, args, known, barrier, results):
    """Runs one filter: judges the given number of alerts, and puts its figures into `results`."""
    topic = f"{args.name}-{number}"
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": args.brokers,
        "group.id": topic,
        "auto.offset.reset": "earliest",
        # Only a few alerts are fetched beyond those that are counted.
        "queued.max.messages.kbytes": 8192,
    })
    producer = confluent_kafka.Producer({"bootstrap.servers": args.brokers})
    consumer.subscribe([args.topic])
    stream = messages(consumer)
    limit = 19 + 5 * number / args.filters
    accepted, of_visit = 0, collections.Counter()
    message = next(stream)
    # Connecting and joining the group are not measured.
    barrier.wait(300)
    start, cpu = time.time(), time.process_time()
    for judged in range(1, args.alerts + 1):
        alert = decode(message.value(), known)
        visit = alert["diaSource"]["visit"]
        if of_visit[visit] < QUOTA and accepts(alert, limit):
            of_visit[visit] += 1
            accepted += 1
            producer.produce(topic, message.value(), message.key())
        producer.poll(0)
        if judged < args.alerts:
            message = next(stream)
    assert producer.flush(60) == 0, "not everything was sent"
    results.put({
        "start": start, "end": time.time(), "cpu": time.process_time() - cpu, "accepted": accepted, "topic": topic,
    })  # fmt: skip
    consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["brokers", "topic", "name", "schemas"]:
        parser.add_argument(f"--{name}", required=True)
    for name in ["filters", "alerts"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()
    known = schemas(args.schemas)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(args.filters), context.SimpleQueue()
    filters = [
        context.Process(target=run, args=(number, args, known, barrier, results)) for number in range(args.filters)
    ]
    for process in filters:
        process.start()
    for process in filters:
        process.join()
        assert process.exitcode == 0, f"a filter ended with {process.exitcode}"
    reports = [results.get() for _ in filters]
    print(json.dumps({
        "cpu": [report["cpu"] for report in reports],
        "wall": max(report["end"] for report in reports) - min(report["start"] for report in reports),
        "accepted": [report["accepted"] for report in reports],
        "topics": [report["topic"] for report in reports if report["accepted"]],
    }))  # fmt: skip


main()
