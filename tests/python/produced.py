"""Compares alerts that were published twice, unchanged and fresh, with the packets that they were made from.

usage: produced.py ORIGINALS PUBLISHED SCHEMAS

Both runs were without cutouts. Ends with an error if there are differences other than the necessary ones.
"""

import io
import json
import struct
import sys
from pathlib import Path

import fastavro

FRESH = {
    "diaSourceId", "alertId", "candid", "diaSource.diaSourceId", "ssSource.diaSourceId", "candidate.candid",
    "diaSource.visit", "diaSource.ccdVisitId", "diaSource.midpointMjdTai", "diaSource.midPointTai",
    "diaSource.timeProcessedMjdTai", "diaObject.lastDiaSourceMjdTai", "candidate.jd", "candidate.jdendhist",
}  # fmt: skip
CUTOUTS = {"cutoutDifference", "cutoutScience", "cutoutTemplate"}


def schemas(folder):
    """LSST's schemas by Confluent id."""
    found = {}
    for path in Path(folder).glob("lsst.v*_*.alert.avsc"):
        major, minor = path.name.split(".")[1][1:].split("_")
        found[int(major) * 100 + int(minor)] = fastavro.parse_schema(json.loads(path.read_text()))
    return found


def read(path, known):
    """Returns the only alert in a packet."""
    packet = path.read_bytes()
    if packet[0] == 0:
        stream = io.BytesIO(packet[5:])
        alert = fastavro.schemaless_reader(stream, known[struct.unpack(">I", packet[1:5])[0]])
        assert not stream.read(), f"{path}: bytes follow the alert"
        return alert
    (alert,) = fastavro.reader(io.BytesIO(packet))
    return alert


def differences(one, other, path=""):
    """Returns the paths at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return {path}
        return {found for key in one for found in differences(one[key], other[key], f"{path}.{key}" if path else key)}
    # NaN counts as equal to itself.
    return set() if one == other or (one != one and other != other) else {path}


def main():
    originals, published, known = sys.argv[1], sys.argv[2], schemas(sys.argv[3])
    sources = [read(path, known) for path in Path(originals).iterdir()]
    as_is, fresh = 0, 0
    ids = set()
    for path in Path(published).iterdir():
        alert = read(path, known)
        key = int(path.stem.split("-")[1])
        assert key == alert.get("diaSourceId", alert.get("alertId", alert.get("candid"))), path
        assert all(not alert.get(cutout) for cutout in CUTOUTS), path
        changed = [differences(source, alert) - CUTOUTS for source in sources if source.keys() == alert.keys()]
        # It differs in more fields from packets of other versions.
        allowed = [paths for paths in changed if paths <= FRESH]
        assert allowed, f"{path}: {min(changed, key=len)}"
        fewest = min(allowed, key=len)
        if not fewest:
            as_is += 1
        else:
            assert len(fewest) >= 3, fewest
            assert key not in ids, f"{key} comes twice"
            ids.add(key)
            fresh += 1
    print(f"{as_is} as they were, {fresh} fresh")


main()
