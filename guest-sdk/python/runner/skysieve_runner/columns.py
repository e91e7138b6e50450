"""Columns as Python values.

The buffers of a column have its values one after another (`column` in wit/filter.wit). Values are made only of what is
needed: all of a field that every alert has, but those of a history only for alerts whose history is looked at.
"""

from itertools import pairwise

from wit_world.imports.types import Kind

FORMATS = {Kind.BOOLEAN: "?", Kind.INT: "i", Kind.LONG: "q", Kind.FLOAT: "f", Kind.DOUBLE: "d"}


def uint32s(buffer):
    return memoryview(buffer).cast("I")


def slicer(column):
    """A function that makes a list of the values from one number up to another."""
    format = FORMATS.get(column.kind)
    if format is not None:
        cells = memoryview(column.values).cast(format)
        make = lambda first, last: cells[first:last].tolist()  # noqa: E731
    else:
        make = blobs(column)
    present = column.present
    if not present:
        return make

    def with_nulls(first, last):
        there = present[first:last]
        values = make(first, last)
        return values if all(there) else [value if one else None for value, one in zip(values, there)]

    return with_nulls


def blobs(column):
    """The same, of text or bytes."""
    data, offsets = column.values, uint32s(column.offsets)
    text = column.kind == Kind.TEXT

    def make(first, last):
        start = offsets[first - 1] if first else 0
        ends = offsets[first:last].tolist()
        if not text:
            return [data[begin:end] for begin, end in pairwise([start, *ends])]
        whole = data[start : ends[-1] if ends else start]
        if whole.isascii():
            whole = whole.decode("ascii")
            return [whole[begin - start : end - start] for begin, end in pairwise([start, *ends])]
        return [data[begin:end].decode("utf-8") for begin, end in pairwise([start, *ends])]

    return make


def scalars(column, rows):
    """The values of a field that every alert has once."""
    return slicer(column)(0, rows)


def lists(column):
    """The values of a field through an array: a list for each alert."""
    make = slicer(column)
    ends = uint32s(column.ends).tolist()
    if column.kind in FORMATS and not column.present:
        values = make(0, ends[-1] if ends else 0)
        return [values[first:last] for first, last in pairwise([0, *ends])]
    return [make(first, last) for first, last in pairwise([0, *ends])]
