"""LSST: a bright source that was not seen before."""


def filter(alert, magnitude: float = 21.0, reliability: float = 0.5):
    """Decides whether an alert is published.

    The alert is as fastavro reads it: records are dicts, arrays are lists, a null is None. Parameters with defaults can be
    set at upload. Return False or None to reject the alert, True to accept it, or a dict to accept it with annotations.
    """
    source = alert["diaSource"]
    if (source["reliability"] or 0.0) < reliability or len(alert["prvDiaSources"] or []) > 0:
        return False
    # The flux in nJy, which is negative if the source has faded.
    if (source["psfFlux"] or 0.0) < 10 ** ((31.4 - magnitude) / 2.5):
        return False
    return {"flux": source["psfFlux"]}
