"""ZTF: usual quality cuts: real, unblemished, round, with consistent photometry."""

MEASURED = ("rb", "nbad", "fwhm", "elong", "magdiff")


def filter(alert, real: float = 0.65, seeing: float = 5.0, elongation: float = 1.2, difference: float = 0.1):
    now = alert["candidate"]
    if any(now[name] is None for name in MEASURED):
        return False
    sharp = now["fwhm"] <= seeing and now["elong"] <= elongation
    return now["rb"] >= real and now["nbad"] == 0 and sharp and abs(now["magdiff"]) <= difference
