"""ZTF: brighter than a limit."""


def filter(alert, magnitude: float = 17.0):
    return alert["candidate"]["magpsf"] < magnitude
