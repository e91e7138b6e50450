"""LSST: brighter than a limit, and well above the noise."""

from math import log10

from skysieve import filter


# The fields had other names before v5.0.
@filter(flux=("diaSource.psfFlux", "diaSource.psFlux"), error=("diaSource.psfFluxErr", "diaSource.psFluxErr"))
def bright(flux, error, magnitude: float = 22.0, snr: float = 10.0):
    if flux is None or not error or flux <= 0:
        return False
    found = {"magnitude": 31.4 - 2.5 * log10(flux), "snr": flux / error}
    return found["magnitude"] < magnitude and found["snr"] >= snr and found
