"""ZTF: a bright detection that was not seen before."""


def filter(alert, magnitude: float = 18.0, real: float = 0.5):
    """Decides whether an alert is published.

    The alert is as fastavro reads it: records are dicts, arrays are lists, a null is None. Parameters with defaults can be
    set at upload. Return False or None to reject the alert, True to accept it, or a dict to accept it with annotations.
    """
    now = alert["candidate"]
    if now["magpsf"] > magnitude or (now["rb"] or 0.0) < real:
        return False
    # The magnitude is None in upper limits.
    if any(before["magpsf"] is not None for before in alert["prv_candidates"] or []):
        return False
    return {"magnitude": now["magpsf"]}
