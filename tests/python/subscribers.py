"""Kafka as astronomers' own programs use it: confluent-kafka and fastavro.

usage: subscribers.py create BROKERS TOPIC PARTITIONS
       subscribers.py transactions BROKERS TOPIC FILE...   a transaction for each alert, then an aborted one with all
       subscribers.py read BROKERS TOPIC COUNT SCHEMA      a JSON object for each alert: id, key, headers
"""

import io
import json
import sys
import time

import fastavro
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic


def create(brokers, topic, partitions):
    admin = AdminClient({"bootstrap.servers": brokers})
    for created in admin.create_topics([NewTopic(topic, int(partitions))]).values():
        created.result()


def transactions(brokers, topic, *files):
    producer = Producer({"bootstrap.servers": brokers, "transactional.id": topic})
    producer.init_transactions()
    packets = [open(file, "rb").read() for file in files]
    for packet in packets:
        producer.begin_transaction()
        producer.produce(topic, packet)
        producer.commit_transaction()
    producer.begin_transaction()
    for packet in packets:
        producer.produce(topic, packet)
    producer.flush()
    producer.abort_transaction()


def read(brokers, topic, count, schema):
    parsed = fastavro.parse_schema(json.load(open(schema)))
    config = {"bootstrap.servers": brokers, "group.id": f"python-{time.time()}", "auto.offset.reset": "earliest"}
    consumer = Consumer(config)
    consumer.subscribe([topic])
    deadline = time.monotonic() + 60
    left = int(count)
    while left and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        # Confluent's wire format: a byte 0, the schema's id in four bytes, and the alert.
        alert = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), parsed)
        headers = {name: value.decode() for name, value in message.headers() or []}
        print(json.dumps({"id": alert["diaSourceId"], "key": message.key().decode(), "headers": headers}))
        left -= 1
    consumer.close()
    if left:
        raise SystemExit(f"{left} of {count} alerts did not come")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
