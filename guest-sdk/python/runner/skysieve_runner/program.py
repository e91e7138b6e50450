"""A filter's program: what it reads, and its verdicts."""

from __future__ import annotations

import ast
import functools
import sys
import types
from itertools import repeat
from typing import NamedTuple

import skysieve
from .columns import lists, scalars
from .errors import ProgramError, remember_source
from .parameters import arguments
from .records import Alerts
from .reads import places_read

MODULE = "program"


class Field(NamedTuple):
    """A field that the program reads; as in wit/filter.wit."""

    paths: tuple[str, ...]
    kind: str = "any"


class Program:
    """A program that was started. Raises a `ProgramError` if it is not a filter, and whatever the program raises."""

    def __init__(self, text: str, file: str, parameters: dict[str, object]):
        remember_source(file, text)
        tree = ast.parse(text, file)
        module = types.ModuleType(MODULE)
        module.__file__ = file
        # Dataclasses, among others, look their module up by its name.
        sys.modules[MODULE] = module
        exec(compile(tree, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is its purpose
        self.filter = find_filter(module.__dict__)
        documentation = [ast.get_docstring(tree) or "", self.filter.__doc__ or ""]
        self.description = description(self.filter, documentation, file)
        self.documentation = "\n".join(documentation)
        given = arguments(self.filter.parameters, parameters)
        self.function = functools.partial(self.filter.function, **given) if given else self.filter.function
        if self.filter.takes_alert:
            paths = alert_paths(tree, self.filter.__name__, module.__dict__.get("FIELDS", ()))
            self.fields = [Field((path,)) for path in paths]
            self.rows = Alerts(paths).of
        else:
            self.fields = [Field(tuple(path.text for path in paths)) for paths in self.filter.fields.values()]
            self.through = [paths[0].through_array for paths in self.filter.fields.values()]
            self.call = self.by_position(list(self.filter.fields))

    def by_position(self, names: list[str]):
        """The function with the fields as its first arguments, in their order."""
        code = self.filter.function.__code__
        if list(code.co_varnames[: code.co_argcount])[: len(names)] == names:
            return self.function
        function = self.function
        arguments = ", ".join(f"c{number}" for number in range(len(names)))
        keywords = ", ".join(f"{name}=c{number}" for number, name in enumerate(names))
        return eval(f"lambda {arguments}: function({keywords})", {"function": function})  # noqa: S307 - names of parameters

    def judge(self, rows: int, columns):
        """Goes through what the function returns for the alerts of a batch."""
        if self.filter.takes_alert:
            return map(self.function, self.rows(rows, columns))
        values = [lists(column) if through else scalars(column, rows) for column, through in zip(columns, self.through)]
        return map(self.call, *values) if values else (self.call() for _ in repeat(None, rows))


def find_filter(names: dict) -> skysieve.Filter:
    """The program's filter: the function that is decorated, or the one that is called `filter`."""
    decorated = {id(value): value for value in names.values() if isinstance(value, skysieve.Filter)}
    if len(decorated) > 1:
        all = ", ".join(found.__name__ for found in decorated.values())
        raise ProgramError(f"the program has {len(decorated)} functions with @filter ({all}); a filter is one function")
    for found in decorated.values():
        return found
    function = names.get("filter")
    if isinstance(function, types.FunctionType):
        return skysieve.Filter(function, {})
    raise ProgramError(
        'the program has no filter: write a function `def filter(alert):`, or one with @filter(mag="candidate.magpsf")'
    )


def description(filter: skysieve.Filter, documentation: list[str], file: str) -> str:
    for text in documentation:
        for line in text.strip().splitlines():
            return line.strip()
    return f"{filter.__name__} of {file}"


def alert_paths(tree: ast.Module, function: str, named) -> list[str]:
    """The paths of what the function reads of the alert, and of what FIELDS names."""
    if isinstance(named, str) or not all(isinstance(path, str) for path in named):
        raise ProgramError('FIELDS must be a list of paths: FIELDS = ["candidate.magpsf"]')
    alert = places_read(tree, function)
    for path in named:
        alert.add(str(skysieve.Path.parse(path).text))
    return sorted(alert.fields())
