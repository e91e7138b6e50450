"""LSST: brighter than every detection in the same band within some days, and there is one."""


def filter(alert, factor: float = 1.3, days: float = 30.0):
    now = alert["diaSource"]
    before = [earlier["psfFlux"] for earlier in alert["prvDiaSources"] or [] if recent(earlier, now, days)]
    if before and max(before) > 0 and now["psfFlux"] >= max(before) * factor:
        return {"factor": now["psfFlux"] / max(before)}


def recent(earlier, now, days):
    age = now["midpointMjdTai"] - earlier["midpointMjdTai"]
    return earlier["psfFlux"] is not None and earlier["band"] == now["band"] and 0 < age <= days
