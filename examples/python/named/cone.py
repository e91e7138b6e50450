"""ZTF: within some degrees of a position."""

from math import asin, cos, degrees, radians, sin, sqrt

from skysieve import filter


@filter(ra="candidate.ra", dec="candidate.dec")
def cone(ra, dec, center: tuple = (15.0, -16.0), radius: float = 2.0):
    ra, dec, ra0, dec0 = map(radians, (ra, dec, *center))
    h = sin((dec - dec0) / 2) ** 2 + cos(dec) * cos(dec0) * sin((ra - ra0) / 2) ** 2
    distance = 2 * degrees(asin(sqrt(h)))
    if distance <= radius:
        return {"distance": round(distance, 4)}
