"""Filters in Python as their authors run them: on alerts read by fastavro.

usage: natively.py make FOLDER           writes alerts with nulls, null arrays and empty ones
       natively.py run PROGRAM FOLDER    prints {id: annotations} of the alerts that the program's filter accepts
"""

import itertools
import json
import pathlib
import sys

import fastavro

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "guest-sdk/python/src"))

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "alert",
        "namespace": "ztf",
        "fields": [
            {"name": "objectId", "type": "string"},
            {"name": "candid", "type": "long"},
            {
                "name": "candidate",
                "type": {
                    "type": "record",
                    "name": "candidate",
                    "fields": [
                        {"name": "jd", "type": "double"},
                        {"name": "fid", "type": "int"},
                        {"name": "magpsf", "type": "float"},
                        {"name": "ssnamenr", "type": ["null", "string"]},
                        {"name": "sgscore1", "type": ["null", "float"]},
                    ],
                },
            },
            {
                "name": "prv_candidates",
                "type": [
                    "null",
                    {
                        "type": "array",
                        "items": {
                            "type": "record",
                            "name": "prv_candidate",
                            "fields": [
                                {"name": "jd", "type": "double"},
                                {"name": "fid", "type": "int"},
                                {"name": "magpsf", "type": ["null", "float"]},
                            ],
                        },
                    },
                ],
            },
            {
                "name": "cutoutScience",
                "type": [
                    "null",
                    {
                        "type": "record",
                        "name": "cutout",
                        "fields": [{"name": "fileName", "type": "string"}, {"name": "stampData", "type": "bytes"}],
                    },
                ],
            },
        ],
    }
)


def alerts():
    """Alerts with all combinations."""
    earlier = [{"jd": 1.0, "fid": 1, "magpsf": 17.3}, {"jd": 2.0, "fid": 2, "magpsf": None}]
    histories = [None, [], earlier, earlier[1:]]
    names = [None, "", "null", "späh", "小惑星"]
    cutouts = [None, {"fileName": "a", "stampData": b"\x00\xff\x80"}, {"fileName": "b", "stampData": b""}]
    scores = [None, 0.25, float("nan")]
    for number, (history, name, cutout, score) in enumerate(itertools.product(histories, names, cutouts, scores)):
        now = {"jd": 2460000.5 + number, "fid": 1 + number % 3, "magpsf": 17.1, "ssnamenr": name, "sgscore1": score}
        yield {
            "objectId": f"ZTF{number}",
            "candid": 2**62 + number,
            "candidate": now,
            "prv_candidates": history,
            "cutoutScience": cutout,
        }


def make(folder):
    with open(folder / "alerts.avro", "wb") as file:
        fastavro.writer(file, SCHEMA, alerts())


def run(program, folder):
    names = {"__name__": "program"}
    exec(compile(program.read_text(), str(program), "exec"), names)
    import skysieve

    decorated = [value for value in names.values() if isinstance(value, skysieve.Filter)]
    judge = decorated[0] if decorated else names["filter"]
    accepted = {}
    for file in sorted(folder.rglob("*.avro")):
        with open(file, "rb") as packets:
            for alert in fastavro.reader(packets):
                verdict = judge(alert)
                if verdict is not None and verdict is not False:
                    pairs = verdict.items() if isinstance(verdict, dict) and verdict is not alert else ()
                    accepted[str(alert["candid"])] = {name: str(value) for name, value in pairs}
    print(json.dumps(accepted))


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    {"make": make, "run": run}[what](*map(pathlib.Path, paths))
