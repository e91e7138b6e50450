"""Calculates a deployment's times from the logs that evaluate.sh has saved. See `swarm/evaluate.sh --help`.

usage: evaluate.py DIR [--json] [--quota N]

DIR contains
  producer-*.log   what `skysieve produce --json` printed: a JSON object for each visit
  monitor-NAME.log what NAME's consumer printed (`skysieve consume --json`), each line after the time at which it was printed
  host-*.log       a JSON object for each change: the time, the filter, the visit, and how many of its alerts it has judged;
                   and one for the time of a host's first answer
"""

import argparse
import glob
import json
import math
import os
import re
import sys
from datetime import datetime

# Published in swarm/README.md of https://github.com/lsst-dm/alert_stream, for a simulation with 18 visits of 10,000 alerts
# on 12 machines with 16 cores each (m4.4xlarge). What was not published is None.
SOURCE = "swarm/README.md of https://github.com/lsst-dm/alert_stream; 12 m4.4xlarge, visits of 10,000 alerts"
PROTOTYPE = {
    "20": {"send": (None, 15.76), "done": (0.25, None), "received": (5.28, None)},
    "50": {"send": (16.4, 16.5), "done": (1.7, 15.4), "received": (16.5, 38.7)},
}
MEASURES = ("send", "done", "received")
CLOCKS = (
    "Each time comes from the clock of the machine where it was taken: start and last acknowledgement from the sender's, "
    "receipt from the consumer's, and the end of a filter from the machine where evaluate.sh ran. If two of these clocks "
    "differ, the difference is part of the times between them, with either sign: compare `chronyc tracking` on the machines. "
    "The end of a filter is seen up to the interval of the questions (--every) later. Times to send have one clock."
)


def lines(path):
    """The JSON objects of a log, each with the time before it (or None), as seconds since 1970."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            brace = line.find("{")
            if brace < 0:
                continue
            try:
                value = json.loads(line[brace:])
            except ValueError:
                continue  # an ordinary message, or a line that was cut off
            yield (seconds(line[:brace]), value)


def seconds(text):
    """Docker's time at the beginning of a line."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)\s", text)
    if not found:
        return None
    whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    return whole.timestamp() + float(found[2] or 0)


def visits(folder):
    """What was published, for each visit. Producers that share a visit are added up."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "producer-*.log"))):
        for _, value in lines(path):
            if "first_read" not in value:
                continue  # the totals
            visit = found.setdefault(
                str(value["visit"]), {"alerts": 0, "bytes": 0, "undelivered": 0, "start": math.inf, "end": -math.inf}
            )
            visit["alerts"] += value["delivered"]
            visit["bytes"] += value.get("bytes", 0)
            visit["undelivered"] += value.get("undelivered", 0)
            visit["start"] = min(visit["start"], value["first_read"])
            visit["end"] = max(visit["end"], value.get("last_acknowledged") or value["first_read"])
    return dict(sorted(found.items(), key=lambda item: item[1]["start"]))


def visit_of(alert):
    """The visit that a monitor printed with an alert, under whichever name."""
    for name, value in alert.items():
        if re.search(r"(^|\.)(visit|expid|jd)$", name):
            return str(value)
    return None


def receipts(folder):
    """When each consumer received each visit's alerts, in order. An alert that was printed again counts once."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "monitor-*.log"))):
        name = os.path.basename(path)[len("monitor-") : -len(".log")]
        times = found.setdefault(name, {})
        known = set()
        for at, alert in lines(path):
            place = (alert.get("topic"), alert.get("partition"), alert.get("offset"))
            key = place if None not in place else json.dumps(alert, sort_keys=True)
            if at is None or key in known:
                continue
            known.add(key)
            times.setdefault(visit_of(alert), []).append(at)
        for of_visit in times.values():
            of_visit.sort()
    return found


def ends(folder, published):
    """When each filter had judged all alerts of each visit: for each filter and visit the time, or None if that was not seen.

    A host that was started again counts from 0, so what it had counted before is added. What the first answer says may
    have happened long before.
    """
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "host-*.log"))):
        first = 0.0
        counted = {}
        for _, value in lines(path):
            if value.get("first"):
                first = value["at"]
                continue
            key = (value["filter"], str(value["visit"]))
            before, now = counted.get(key, (0, 0))
            if value["seen"] < now:
                before += now
            counted[key] = (before, value["seen"])
            visit = published.get(key[1])
            if visit is None:
                continue
            found.setdefault(key, None)
            if found[key] is None and before + value["seen"] >= visit["alerts"] > 0 and value["at"] > first:
                found[key] = value["at"]
    return found


def summary(values):
    """Mean, maximum and number of some times."""
    values = list(values)
    if not values:
        return {"mean": None, "max": None, "n": 0}
    return {"mean": sum(values) / len(values), "max": max(values), "n": len(values)}


def evaluate(folder, quota):
    """The whole report, as the object that --json prints."""
    published = visits(folder)
    received, done = receipts(folder), ends(folder, published)
    # Nothing is received or judged before the start of its visit, unless clocks differ.
    every = {name: [] for name in MEASURES}
    rows, earliest = [], 0.0
    for name, visit in published.items():
        nths, short = [], 0
        for times in received.values():
            of_visit = times.get(name, [])
            if of_visit:
                earliest = min(earliest, of_visit[0] - visit["start"])
            if len(of_visit) >= quota:
                nths.append(of_visit[quota - 1] - visit["start"])
            else:
                short += 1
        times = [at for (_, of), at in done.items() if of == name]
        # A host may have judged the last alert before its acknowledgement reached the sender: that is no wait.
        waits = [max(0.0, at - visit["end"]) for at in times if at is not None]
        earliest = min([earliest] + [at - visit["start"] for at in times if at is not None])
        sending = visit["end"] - visit["start"]
        for measure, values in zip(MEASURES, ([sending], waits, nths)):
            every[measure] += values
        rows.append(
            {
                "visit": name,
                "alerts": visit["alerts"],
                "bytes": visit["bytes"],
                "undelivered": visit["undelivered"],
                "send_seconds": sending,
                "last_sent_to_filter_done": {**summary(waits), "not_seen": len(times) - len(waits)},
                "start_to_nth_received": {**summary(nths), "consumers_with_fewer": short},
            }
        )
    names = ("send_seconds", "last_sent_to_filter_done", "start_to_nth_received")
    return {
        "quota": quota,
        "consumers": len(received),
        "filters": len({name for name, _ in done}),
        "visits": rows,
        "all": {name: summary(every[measure]) for name, measure in zip(names, MEASURES)},
        "prototype": {
            filters: {
                name: {"mean": figures[measure][0], "max": figures[measure][1]} for name, measure in zip(names, MEASURES)
            }
            for filters, figures in PROTOTYPE.items()
        },
        "prototype_source": SOURCE,
        "clocks": CLOCKS,
        # How much two clocks differ at least, because something was seen before it can have happened.
        "clocks_differ_at_least": -earliest,
    }


def table(report):
    """The report as text."""
    quota = report["quota"]

    def number(value):
        return "-" if value is None else f"{value:.2f}"

    def pair(value):
        return f"{number(value['mean']):>8} {number(value['max']):>8}"

    head = f"{'':<24} {'alerts':>7} {'sent in':>17} {'last sent→done':>17} {f'start→{quota}th':>17}"
    out = [head, f"{'visit':<24} {'':>7}" + f" {'mean':>8} {'max':>8}" * 3]
    for row in report["visits"]:
        send = {"mean": row["send_seconds"], "max": row["send_seconds"]}
        out.append(
            f"{row['visit']:<24} {row['alerts']:>7} {pair(send)} {pair(row['last_sent_to_filter_done'])} "
            f"{pair(row['start_to_nth_received'])}"
        )
    groups = [("all visits", report["all"])]
    groups += [(f"prototype, {n} filters/node", figures) for n, figures in report["prototype"].items()]
    for name, figures in groups:
        out.append(f"{name:<32} " + " ".join(pair(figures[key]) for key in figures))
    out.append("")
    out.append(f"Seconds; {report['filters']} filters, {report['consumers']} consumers; - was not measured or not published.")
    for row in report["visits"]:
        notes = []
        if row["undelivered"]:
            notes.append(f"{row['undelivered']} alerts were not delivered")
        if row["start_to_nth_received"]["consumers_with_fewer"]:
            notes.append(f"{row['start_to_nth_received']['consumers_with_fewer']} consumers received fewer than {quota}")
        if row["last_sent_to_filter_done"]["not_seen"]:
            notes.append(f"the end of {row['last_sent_to_filter_done']['not_seen']} filters was not seen")
        if notes:
            out.append(f"Visit {row['visit']}: {', '.join(notes)}.")
    out.append(f"Prototype: {report['prototype_source']}.")
    out.append(report["clocks"])
    if report["clocks_differ_at_least"] > 0:
        out.append(f"Here two clocks differ by at least {report['clocks_differ_at_least']:.3f} s.")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description="Calculates a deployment's times from saved logs.")
    parser.add_argument("dir")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quota", type=int, default=20)
    args = parser.parse_args()
    report = evaluate(args.dir, args.quota)
    if not report["visits"]:
        sys.exit(f"evaluate: no producer in {args.dir} has published a visit (producer-*.log)")
    print(json.dumps(report, indent=2) if args.json else table(report))


if __name__ == "__main__":
    main()
