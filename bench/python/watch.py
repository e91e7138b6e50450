#!/usr/bin/env python3
"""Writes the logs that swarm/evaluate.sh reads, from processes on this machine.

usage: watch.py --host ADDRESS     asks a host again and again, and prints how many alerts of a visit each filter has judged
       watch.py --split DIR        writes what `skysieve consume --json` prints to a log for each topic, with times
       watch.py --done COUNT DIR   whether the filters have judged so many alerts in total: exit code 0 or 1
"""

import glob
import json
import sys
import time
import urllib.request
from datetime import datetime, timezone


def host(address):
    known, first = {}, True
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/filters", timeout=5) as answer:
                filters = json.load(answer)
        except OSError:
            time.sleep(0.5)
            continue
        at = time.time()
        if first:
            print(json.dumps({"at": at, "first": True}))
            first = False
        for one in filters:
            for visit in one["recent_visits"]:
                key, seen = (one["name"], visit["visit"]), visit["counts"]["seen"]
                if known.get(key) != seen:
                    known[key] = seen
                    print(json.dumps({"at": at, "filter": key[0], "visit": key[1], "seen": seen}))
        sys.stdout.flush()
        time.sleep(0.1)


def split(folder):
    logs = {}
    for line in sys.stdin:
        at = datetime.fromtimestamp(time.time(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        topic = json.loads(line)["topic"]
        if topic not in logs:
            logs[topic] = open(f"{folder}/monitor-{topic}.log", "w", buffering=1)
        logs[topic].write(f"{at} {line}")


def done(count, folder):
    last = {}
    for path in glob.glob(f"{folder}/host-*.log"):
        with open(path) as file:
            for line in file:
                if not line.endswith("\n"):
                    continue
                found = json.loads(line)
                if "filter" in found:
                    last[found["filter"], found["visit"]] = found["seen"]
    return sum(last.values()) >= count


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--host", address]:
            host(address)
        case ["--split", folder]:
            split(folder)
        case ["--done", count, folder]:
            sys.exit(0 if done(int(count), folder) else 1)
        case _:
            sys.exit(__doc__)
