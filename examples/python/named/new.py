"""ZTF: a first detection: the history has upper limits only, or nothing."""

from skysieve import filter


@filter(before="prv_candidates[].magpsf")
def new(before):
    return all(mag is None for mag in before)
