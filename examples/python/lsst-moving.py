"""LSST: a source of a known Solar System object, or trailed like one."""


def filter(alert, snr: float = 5.0, trail: float = float("inf")):
    source = alert["diaSource"]
    if source["snr"] is None or source["snr"] < snr:
        return False
    # It is null or 0 if there is no object.
    if source["ssObjectId"]:
        return {"object": source["ssObjectId"]}
    length = source["trailLength"]
    return length is not None and length >= trail and {"trail": length}
