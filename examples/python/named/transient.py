"""ZTF: positive, no star underneath, seen twice half an hour apart, no Solar System object."""

from itertools import pairwise

from skysieve import filter


@filter(
    jd="candidate.jd",
    sign="candidate.isdiffpos",
    near="candidate.distpsnr1",
    star="candidate.sgscore1",
    object_near="candidate.ssdistnr",
    jds="prv_candidates[].jd",
    signs="prv_candidates[].isdiffpos",
)
def transient(jd, sign, near, star, object_near, jds, signs, step: float = 30 * (1 / (24 * 60))):
    no_star = near is None or near > 1.5 or (star is not None and star < 0.5)
    no_object = object_near is None or object_near < 0 or object_near > 5
    times = [jd, *(time for time, sign in zip(jds, signs) if sign == "t")]
    return sign == "t" and no_star and no_object and any(b - a >= step for a, b in pairwise(times))
