"""Alerts as mappings: records as dicts, arrays as lists, as fastavro gives them.

Each record of the alert has a class of its own, which knows its place in the alert. An alert is made with the fields that
it has once; a history is made when it is asked for.
"""

from __future__ import annotations

from itertools import repeat

from .columns import scalars, slicer, uint32s


class FieldNotRead(KeyError):
    """A key whose field was not found in the program when it was described."""

    # Tracebacks leave out the module of what is built in.
    __module__ = "builtins"

    def __str__(self):
        return self.args[0]


class Record(dict):
    """A record of an alert, which has those fields that the program reads."""

    __slots__ = ("row", "arrays")
    place = ""

    def __missing__(self, key):
        array = getattr(self, "arrays", {}).get(key)
        if array is None:
            raise FieldNotRead(not_read(self.place, key))
        dict.__setitem__(self, key, value := array(self.row))
        return value

    def get(self, key, default=None):
        return self[key]

    def __contains__(self, key):
        self[key]
        return True

    def read_only(self, *arguments, **more):
        raise TypeError("an alert can't be changed: make a new dict with what you need")

    __setitem__ = __delitem__ = __ior__ = pop = popitem = clear = update = setdefault = read_only

    def unknown(self, *arguments, **more):
        raise TypeError(
            f"{of(self.place)} has only those fields that the program reads, so that it can't go through all of them; "
            "name each field that you need"
        )

    __iter__ = __reversed__ = __len__ = __eq__ = __ne__ = __or__ = __ror__ = keys = values = items = copy = unknown
    __hash__ = None

    def __bool__(self):
        return True

    def __repr__(self):
        return f"<{of(self.place)}: {dict.__repr__(self)}>"


def of(place: str) -> str:
    return f"the record {place}" if place else "the alert"


def not_read(place: str, key) -> str:
    path = f"{place}.{key}" if place else str(key)
    return (
        f"the program reads {path} in a way that could not be seen when it was described; "
        f'add FIELDS = ["{path}"] to the program'
    )


class Shape:
    """A record and its fields, a value, or an array, with the numbers of the columns."""

    def __init__(self, place: str = ""):
        self.place = place
        self.children: dict[str, Shape] = {}
        self.elements: Shape | None = None
        self.column: int | None = None
        self.question: int | None = None

    @classmethod
    def of(cls, paths: list[str]) -> Shape:
        """The shape of an alert with these fields, whose columns come in the same order."""
        alert = cls()
        for number, path in enumerate(paths):
            shape = alert
            for part in path.rstrip("?").split("."):
                shape = shape.step(part)
            if path.endswith("?"):
                shape.question = number
            else:
                shape.column = number
        return alert

    def step(self, part: str) -> Shape:
        name = part.removesuffix("[]")
        place = f"{self.place}.{name}" if self.place else name
        shape = self.children.setdefault(name, Shape(place))
        if part.endswith("[]"):
            shape.elements = shape.elements or Shape(f"{place}[]")
            shape = shape.elements
        return shape

    def own(self):
        """The numbers of the columns from which one of its records is made, without those of arrays in it."""
        for number in (self.question, self.column):
            if number is not None:
                yield number
        if self.elements is None:
            for child in self.children.values():
                yield from child.own()


class Maker:
    """Makes records of one shape from the values of its columns, with a function that is made for the shape."""

    def __init__(self, shape: Shape):
        self.numbers = [number for number in shape.own()]
        self.has_arrays = False
        self.classes: dict[str, type] = {}
        self.arrays: list[tuple[str, str, Shape]] = []
        self.lines: list[str] = []
        result = self.expression(shape)
        arguments = ", ".join(["row", "arrays", *(f"c{number}" for number in self.numbers)])
        text = "\n    ".join([f"def make({arguments}):", *self.lines, f"return {result}"])
        namespace = dict(self.classes)
        exec(text, namespace)  # noqa: S102 - the text has names of columns and classes, and quoted keys
        self.make = namespace["make"]

    def expression(self, shape: Shape) -> str:
        """The expression for a value of the shape. Records become variables, in lines before it."""
        question = f"c{shape.question}" if shape.question is not None else None
        if shape.column is not None:
            return f"c{shape.column}"
        if not shape.children and question and shape.place and not shape.place.endswith("[]"):
            # Only whether there is something is asked; it stands for the value.
            return f"({question} or None)"
        name = f"R{len(self.classes)}"
        self.classes[name] = type("Record", (Record,), {"__slots__": (), "place": shape.place})
        pairs = []
        has_arrays = False
        for key, child in shape.children.items():
            if child.elements is not None and not child.children:
                self.arrays.append((name, key, child))
                has_arrays = True
            else:
                pairs.append(f"{key!r}: {self.expression(child)}")
        made = f"{name}({{{', '.join(pairs)}}})"
        variable = name.lower()
        self.lines.append(f"{variable} = {made}" + (f" if {question} else None" if question else ""))
        if has_arrays:
            condition = f"if {question}: " if question else ""
            self.lines.append(f"{condition}{variable}.row, {variable}.arrays = row, arrays[{name!r}]")
        return variable


class Alerts:
    """Makes the alerts of a program from columns."""

    def __init__(self, paths: list[str]):
        self.maker = Maker(Shape.of(paths))
        self.arrays = [(name, key, Array(shape)) for name, key, shape in self.maker.arrays]

    def of(self, rows: int, columns):
        """Goes through the alerts of a batch."""
        arrays: dict[str, dict] = {name: {} for name, _, _ in self.arrays}
        for name, key, array in self.arrays:
            arrays[name][key] = array.reader(rows, columns)
        values = [scalars(columns[number], rows) for number in self.maker.numbers]
        return map(self.maker.make, range(rows), repeat(arrays), *values)


class Array:
    """Makes the list of an alert's array."""

    def __init__(self, shape: Shape):
        self.question = shape.question
        self.single = shape.elements.column
        self.maker = Maker(shape.elements)

    def reader(self, rows: int, columns):
        """A function that makes the array of the alert in a row."""
        there = scalars(columns[self.question], rows) if self.question is not None else None
        numbers = [self.single] if self.single is not None else self.maker.numbers
        ends = uint32s(columns[numbers[0]].ends)
        slicers = [slicer(columns[number]) for number in numbers]
        make = self.maker.make if self.single is None else None

        def read(row):
            if there is not None and not there[row]:
                return None
            first, last = ends[row - 1] if row else 0, ends[row]
            values = [slice(first, last) for slice in slicers]
            return values[0] if make is None else list(map(make, range(first, last), repeat(None), *values))

        return read
