"""Paths of fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH = re.compile(rf"{_NAME}(\[\])?(\.{_NAME}(\[\])?)*")


class Path(NamedTuple):
    """The path of a field: names joined by dots, with ``[]`` behind the name of an array."""

    text: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Raises a ``ValueError`` if the text is not a path."""
        if not _PATH.fullmatch(text) or text.count("[]") > 1:
            raise ValueError(f"{text!r} is not a path such as 'candidate.magpsf' or 'prv_candidates[].magpsf'")
        return cls(text, tuple(text.split(".")))

    @property
    def through_array(self) -> bool:
        return "[]" in self.text

    def value(self, alert: Mapping[str, Any]) -> Any:
        """The value that an alert has there. Raises a ``KeyError`` if there is no such field."""
        return _value(alert, self.names)


def _value(record: Any, names: tuple[str, ...]) -> Any:
    for at, name in enumerate(names):
        if record is None:
            return [] if any(name.endswith("[]") for name in names[at:]) else None
        if name.endswith("[]"):
            return [_value(element, names[at + 1 :]) for element in record[name[:-2]] or ()]
        record = record[name]
    return record
