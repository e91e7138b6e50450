"""Filters of alerts, in Python.

A filter is a function of an alert, or of the fields that it names:

    from skysieve import filter

    @filter(mag="candidate.magpsf")
    def bright(mag, limit: float = 17.0):
        return mag < limit

The same file runs on a Skysieve host, where nothing but this package and most of the standard library can be imported.
"""

from ._filter import Filter, FilterError, filter
from ._path import Path

__all__ = ["Filter", "FilterError", "Path", "filter"]
