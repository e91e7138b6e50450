"""LSST: a first detection, or one of the first, of no Solar System object."""


def filter(alert, detections: int = 0, reliability: float = 0.0):
    source = alert["diaSource"]
    first = len(alert["prvDiaSources"] or []) <= detections
    return first and not source["ssObjectId"] and (source["reliability"] or 0.0) >= reliability
