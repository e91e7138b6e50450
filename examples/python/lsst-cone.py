"""LSST: within some degrees of a position."""

from math import asin, cos, degrees, radians, sin, sqrt


def filter(alert, ra: float = 150.1, dec: float = 2.2, radius: float = 2.0):
    source = alert["diaSource"]
    return distance(source["ra"], source["dec"], ra, dec) <= radius


def distance(*position):
    """The distance between two positions in degrees, by the haversine formula."""
    ra, dec, ra0, dec0 = map(radians, position)
    h = sin((dec - dec0) / 2) ** 2 + cos(dec) * cos(dec0) * sin((ra - ra0) / 2) ** 2
    return 2 * degrees(asin(sqrt(h)))
