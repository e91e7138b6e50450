"""ZTF: brighter than every detection in the same band within some days, and there is one."""

from skysieve import filter


@filter(
    jd="candidate.jd",
    band="candidate.fid",
    mag="candidate.magpsf",
    jds="prv_candidates[].jd",
    bands="prv_candidates[].fid",
    mags="prv_candidates[].magpsf",
)
def rising(jd, band, mag, jds, bands, mags, rise: float = 0.3, days: float = 30.0):
    history = zip(jds, bands, mags)
    before = [m for t, b, m in history if m is not None and b == band and 0 < jd - t <= days]
    if before and mag <= min(before) - rise:
        return {"rise": round(min(before) - mag, 3)}
