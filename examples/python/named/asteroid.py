"""ZTF: a known Solar System object lies near."""

from skysieve import filter


@filter(name="candidate.ssnamenr")
def asteroid(name):
    # ZTF writes the text "null" for most of the others.
    return name not in (None, "null")
