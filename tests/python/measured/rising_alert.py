"""ZTF: brighter than every detection in the same band within some days, and there is one."""


def filter(alert, rise: float = 0.3, days: float = 30.0):
    now = alert["candidate"]
    before = [
        earlier["magpsf"]
        for earlier in alert["prv_candidates"] or []
        if earlier["magpsf"] is not None and earlier["fid"] == now["fid"] and 0 < now["jd"] - earlier["jd"] <= days
    ]
    if before and now["magpsf"] <= min(before) - rise:
        return {"rise": round(min(before) - now["magpsf"], 3)}
