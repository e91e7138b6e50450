"""Random filters of the kind that Skysieve's Python supports, to be compared with CPython and fastavro.

usage: random_programs.py SEED FILE

The program that is written to FILE works out some random expressions for each alert of natively.py. What they come to, or
the error that they raise, is an annotation.
"""

import pathlib
import random
import sys

# The host keeps at most 16 annotations.
EXPRESSIONS = 14

HEAD = """
from itertools import groupby, pairwise


def attempt(expression):
    try:
        return repr(expression())
    except Exception as error:
        # Versions of Python have different texts.
        return type(error).__name__


def fluxes(records, name="magpsf"):
    for record in records or []:
        value = record.get(name)
        if value is not None:
            yield 10 ** (-0.4 * value)


def newest(records):
    best = None
    for record in records:
        if best is None or record["jd"] > best["jd"]:
            best = record
    return best


def filter(alert):
    now, history = alert["candidate"], alert["prv_candidates"]
    earlier = history or []
    cutout = alert.get("cutoutScience")
    return {
        # From this it is seen that it is a record.
        "stamp": attempt(lambda: cutout["stampData"]),
"""

NUMBERS = [
    'now["magpsf"]',
    'now["jd"]',
    'now["fid"]',
    'alert["candid"]',
    'now["sgscore1"]',
    'now.get("sgscore1", 5)',
    "3",
    "0.5",
]
TEXTS = ['now["ssnamenr"]', 'alert["objectId"]', '"null"', 'cutout["fileName"]']
LISTS = [
    '[p["magpsf"] for p in earlier]',
    '[p["jd"] for p in alert["prv_candidates"]]',
    '[p["fid"] for p in history if p["magpsf"] is not None]',
    "list(fluxes(history))",
    '[b["jd"] - a["jd"] for a, b in pairwise([*earlier, now])]',
    '[p.get("magpsf") for p in sorted(earlier, key=lambda p: -p["jd"])]',
    '[d["fid"] for d in [now] + earlier]',
    '[i + p["fid"] for i, p in enumerate(earlier)]',
    '[(k, len(list(g))) for k, g in groupby(earlier, key=lambda p: p["fid"])]',
    '[now[k] for k in ("jd", "fid")]',
]
OTHERS = [
    'cutout["stampData"]',
    "history is None",
    "cutout is None",
    'now["ssnamenr"] is None',
    '{p["fid"]: p["magpsf"] for p in earlier}',
    'newest(earlier)["fid"]',
    'max(earlier, key=lambda p: p["jd"])["magpsf"]',
    'history[-1]["magpsf"]',
    'history[1:][0]["fid"]',
    "len(history)",
    "f\"{now['magpsf']:.3f} {alert['objectId']}\"",
    '(m := now["magpsf"]) and m * 2',
    'any(p["magpsf"] is None for p in earlier)',
    'sum(1 for p in earlier if p["fid"] == now["fid"])',
    "now['ssnamenr'].upper()",
    "cutout and cutout['stampData'][:2]",
]


def number(choose, depth):
    if depth == 0:
        return choose(NUMBERS)
    left, right = number(choose, depth - 1), number(choose, depth - 1)
    return choose(
        [
            f"({left} + {right})",
            f"({left} - {right})",
            f"({left} * 2 if {truth(choose, depth - 1)} else {right})",
            f"abs({left})",
            f"max({left}, {right})",
            f"round({left}, 2)",
            f"len({choose(LISTS)})",
            f"sum({choose(LISTS)})",
            f"min({choose(LISTS)}, default=0)",
        ]
    )


def truth(choose, depth):
    left, right = number(choose, max(depth - 1, 0)), number(choose, max(depth - 1, 0))
    return choose(
        [
            f"({left} < {right})",
            f"({left} == {right})",
            f"({choose(TEXTS)} in (None, 'null', 'späh'))",
            f"({choose(TEXTS)} == {choose(TEXTS)})",
            f"({left} is None)",
            f"(not {left})",
            f"bool({choose(LISTS)})",
            f"({left} > 1 and {right} is not None)",
        ]
    )


def main(seed, file):
    choose = random.Random(int(seed)).choice
    lines = []
    for index in range(EXPRESSIONS):
        kind = choose([number, number, truth, None, None])
        expression = kind(choose, choose([1, 2])) if kind else choose(OTHERS + LISTS + TEXTS)
        lines.append(f'        "{index}": attempt(lambda: {expression}),\n')
    pathlib.Path(file).write_text(HEAD + "".join(lines) + "    }\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
