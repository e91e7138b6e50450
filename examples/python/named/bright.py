"""ZTF: brighter than a limit."""

from skysieve import filter


@filter(mag="candidate.magpsf")
def bright(mag, magnitude: float = 17.0):
    return mag < magnitude
