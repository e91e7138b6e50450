"""ZTF: usual quality cuts: real, unblemished, round, with consistent photometry."""

from skysieve import filter


@filter(
    rb="candidate.rb",
    bad="candidate.nbad",
    fwhm="candidate.fwhm",
    elong="candidate.elong",
    magdiff="candidate.magdiff",
)
def clean(rb, bad, fwhm, elong, magdiff, real: float = 0.65, seeing: float = 5.0):
    if None in (rb, bad, fwhm, elong, magdiff):
        return False
    return rb >= real and bad == 0 and fwhm <= seeing and elong <= 1.2 and abs(magdiff) <= 0.1
