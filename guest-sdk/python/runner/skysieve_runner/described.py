"""What a filter's parameters are, for people and forms."""

from __future__ import annotations

import inspect
import json
import math
import re

from wit_world.imports.types import Parameter, ParameterKind

from .parameters import kind

# What the host allows: host/sandbox/src/limits.rs.
MOST, NAME, TEXT = 64, 64, 512

KINDS = {bool: ParameterKind.BOOLEAN, int: ParameterKind.INTEGER, float: ParameterKind.NUMBER, str: ParameterKind.TEXT}


def described(declared: dict[str, inspect.Parameter], docstring: str | None) -> list[Parameter]:
    """The parameters that are a truth value, a number or a text. Others can be set as well, but not in forms."""
    found = []
    for name, parameter in declared.items():
        of, text = KINDS.get(kind(parameter)), default(parameter)
        whole = not isinstance(parameter.default, int) or -(2**63) <= parameter.default < 2**63
        if of is not None and whole and name.isascii() and len(name) <= NAME and len((text or "").encode()) <= TEXT:
            found.append(Parameter(name, of, text, description(name, docstring or "")))
    return found[:MOST]


def default(parameter: inspect.Parameter) -> str | None:
    """The default as TOML writes it; empty if it is None."""
    value = parameter.default
    if value is parameter.empty:
        return None
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if type(value) not in KINDS:
        return ""
    # These texts are the same in JSON and TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def description(name: str, docstring: str) -> str:
    """What a docstring says of a parameter, in a line such as `rise: by how many magnitudes`."""
    line = re.compile(rf"^\s*(?::param\s+)?(?:\w+\s+)??{re.escape(name)}(?:\s*\([^)]*\))?\s*:\s*(\S.*)$", re.MULTILINE)
    found = line.search(docstring)
    return found.group(1).strip().encode()[:TEXT].decode(errors="ignore") if found else ""
