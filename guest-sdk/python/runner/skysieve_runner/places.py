"""What an expression of a program can be, as far as the alert's fields are concerned."""

from __future__ import annotations

# How deep lists in lists are followed.
DEPTH = 4


class Place:
    """A place in the alert: the alert itself, a field, or the elements of an array."""

    def __init__(self, path: str = "", through_array: bool = False):
        self.path = path
        self.through_array = through_array
        self.children: dict[str, Place] = {}
        self.elements: Place | None = None
        # Whether its value is looked at, and whether it is compared with None.
        self.used = False
        self.asked = False

    def child(self, name: str) -> Place:
        if name not in self.children:
            path = f"{self.path}.{name}" if self.path else name
            self.children[name] = Place(path, self.through_array)
        return self.children[name]

    def each(self) -> Place:
        """Its elements. A path goes through one array at most, so that those of an element are taken for itself."""
        if self.through_array:
            return self
        if self.elements is None:
            self.elements = Place(f"{self.path}[]", True)
        return self.elements

    def add(self, path: str):
        """Adds a path that the program names itself."""
        place = self
        for part in path.split("."):
            place = place.child(part.removesuffix("[]"))
            if part.endswith("[]"):
                place = place.each()
        place.used = True

    def fields(self):
        """The paths that are read: those of values, and `?` for whether there is something."""
        counted = self.path.endswith("[]") or self.asked
        inner = self.children or self.elements
        if self.path and (inner or (counted and not self.used)):
            yield f"{self.path}?"
        if self.children:
            for child in self.children.values():
                yield from child.fields()
        elif self.elements:
            yield from self.elements.fields()
        elif self.path and (self.used or not counted):
            yield self.path


class Value:
    """The places, functions and texts that an expression can be, and what a collection can contain."""

    def __init__(self, *places: Place, items=None, parts=None, function=None, text: str | None = None):
        self.places = set(places)
        self.items: Value | None = items
        # The parts of a tuple. Something that can be tuples of different lengths has none, only items.
        self.parts: list[Value] | None = parts
        self.mixed = False
        self.functions = {function} - {None}
        self.texts = {text} - {None}

    def join(self, other: Value, depth: int = DEPTH) -> bool:
        """Adds what another expression can be. Returns whether that is anything new."""
        if other is self or depth == 0:
            return False
        before = len(self.places) + len(self.functions) + len(self.texts)
        self.places |= other.places
        self.functions |= other.functions
        self.texts |= other.texts
        new = len(self.places) + len(self.functions) + len(self.texts) > before
        if other.items is not None:
            if self.items is None:
                self.items, new = Value(), True
            new |= self.items.join(other.items, depth - 1)
        if other.parts is not None and not self.mixed:
            new |= self.join_parts(other.parts, depth - 1)
        return new

    def join_parts(self, parts: list[Value], depth: int) -> bool:
        if self.parts is None:
            self.parts = [Value() for _ in parts]
        if len(self.parts) != len(parts):
            self.parts, self.mixed = None, True
            return True
        return any([mine.join(part, depth) for mine, part in zip(self.parts, parts)])

    def elements(self) -> Value:
        """What comes of looping over it."""
        found = Value(*(place.each() for place in self.places if not place.children))
        if self.items is not None:
            found.join(self.items)
        return found

    def unpacked(self, count: int) -> list[Value]:
        """What it gives to each of so many variables that it is unpacked into."""
        if self.parts is not None and len(self.parts) == count:
            return self.parts
        return [self.elements()] * count

    def use(self, depth: int = DEPTH):
        """Marks its places, and those of what it contains: their values are looked at."""
        for place in self.places:
            place.used = True
        if depth > 0:
            for value in filter(None, (self.items, *(self.parts or ()))):
                value.use(depth - 1)


def joined(*values: Value) -> Value:
    """What any of several expressions can be."""
    found = Value()
    for value in values:
        found.join(value)
    return found
