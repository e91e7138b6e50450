"""The time that CPython takes for an alert, which fastavro decodes from bytes.

usage: measured.py PROGRAM ROUNDS
"""

import io
import pathlib
import sys
import time

import fastavro

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "guest-sdk/python/src"))
import skysieve  # noqa: E402 - it is in the repository

ROWS, HISTORY = 256, 16


def record(name, fields):
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


NUMBERS = [(f"f{number}", "double") for number in range(10)]
DETECTION = [("jd", "double"), ("fid", "int"), ("magpsf", "double")]
HISTORY_TYPE = {"type": "array", "items": record("prv", DETECTION)}
SCHEMA = fastavro.parse_schema(
    record("alert", [("candidate", record("candidate", DETECTION + NUMBERS)), ("prv_candidates", HISTORY_TYPE)])
)


def packets():
    for row in range(ROWS):
        now = {"jd": 100.0, "fid": 1, "magpsf": 17.0 + row / ROWS, **{name: 1.0 for name, _ in NUMBERS}}
        history = [{"jd": 90.0, "fid": 1, "magpsf": 17.0 + at / HISTORY} for at in range(HISTORY)]
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, SCHEMA, {"candidate": now, "prv_candidates": history})
        yield buffer.getvalue()


def main(program, rounds):
    names = {"__name__": "program"}
    exec(compile(pathlib.Path(program).read_text(), program, "exec"), names)
    judge = next((value for value in names.values() if isinstance(value, skysieve.Filter)), None) or names["filter"]
    all = list(packets())
    whole, alone = [], []
    for _ in range(int(rounds)):
        begin = time.perf_counter()
        alerts = [fastavro.schemaless_reader(io.BytesIO(packet), SCHEMA) for packet in all]
        decoded = time.perf_counter()
        for alert in alerts:
            judge(alert)
        alone.append(time.perf_counter() - decoded)
        whole.append(time.perf_counter() - begin)
    micros = [sorted(times)[len(times) // 4] * 1e6 / ROWS for times in (whole, alone)]
    print(f"CPython {sys.version.split()[0]} with fastavro: {micros[0]:.2f} µs, without decoding {micros[1]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
