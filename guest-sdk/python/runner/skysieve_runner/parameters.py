"""The parameters of a filter, which are its config."""

from __future__ import annotations

import difflib
import inspect
import typing

from .errors import ProgramError

WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "a table",
}


def arguments(declared: dict[str, inspect.Parameter], given: dict[str, object]) -> dict[str, object]:
    """The values that the function is called with, besides the fields. Raises a `ProgramError`."""
    for name in given:
        if name not in declared:
            raise ProgramError(unknown(name, list(declared)))
    for name, parameter in declared.items():
        if parameter.default is parameter.empty and name not in given:
            raise ProgramError(
                f"the parameter {name} has no default and is not set: give the function a default, or --set {name}=..."
            )
    return {name: converted(name, value, kind(declared[name])) for name, value in given.items()}


def unknown(name: str, names: list[str]) -> str:
    nearest = difflib.get_close_matches(name, names, 1)
    if nearest:
        return f"there is no parameter {name}; did you mean {nearest[0]}?"
    if names:
        return f"there is no parameter {name}; there are {', '.join(names)}"
    return f"there is no parameter {name}: the function has none. Those with a default are parameters: `rise: float = 0.3`"


def kind(parameter: inspect.Parameter) -> type | None:
    """The type that a value must have: that of the default, or else the annotated one."""
    default = parameter.default
    if default is not parameter.empty and default is not None:
        return type(default)
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = {kind.__name__: kind for kind in WORDS}.get(annotation)
    annotation = typing.get_origin(annotation) or annotation
    return annotation if annotation in WORDS else None


def converted(name: str, value, kind: type | None):
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and type(value) is list:
        return tuple(value)
    if kind not in WORDS or type(value) is kind:
        return value
    raise ProgramError(f"the parameter {name} is {value!r}; it must be {WORDS[kind]}")
