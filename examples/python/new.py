"""ZTF: a first detection: the history has upper limits only, or nothing."""


def filter(alert):
    return all(before["magpsf"] is None for before in alert["prv_candidates"] or [])
