"""The decorator, and filters that can be called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

from ._path import Path

Verdict = bool | None | Mapping[str, Any]
"""What a filter returns: ``None`` and ``False`` reject, ``True`` and the alert itself accept, and a ``dict`` accepts with
annotations."""


class FilterError(TypeError):
    """A filter is declared in a way that can't work."""


class Filter:
    """A function that is a filter.

    It can be called with an alert (``rising(alert)``), also with other parameters (``rising(alert, rise=0.5)``), or as the
    function was written (``rising(mag=17.5, band=1)``).
    """

    def __init__(self, function: Callable[..., Verdict], paths: Mapping[str, str | tuple[str, ...]]) -> None:
        self.function = function
        self.fields = {name: _paths(name, given) for name, given in paths.items()}
        self.parameters = _parameters(function, self.fields)
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    @property
    def takes_alert(self) -> bool:
        """Whether the function takes the whole alert, rather than fields that are named."""
        return not self.fields

    def __call__(self, *args: Any, **kwargs: Any) -> Verdict:
        if self.takes_alert or len(args) != 1 or not isinstance(args[0], Mapping) or kwargs.keys() & self.fields.keys():
            return self.function(*args, **kwargs)
        values = {name: _first(paths, args[0]) for name, paths in self.fields.items()}
        return self.function(**values, **kwargs)

    def __repr__(self) -> str:
        return f"<filter {self.__name__}>"


@overload
def filter(function: Callable[..., Verdict], /) -> Filter: ...
@overload
def filter(**paths: str | tuple[str, ...]) -> Callable[[Callable[..., Verdict]], Filter]: ...


def filter(function: Any = None, /, **paths: Any) -> Any:
    """Makes a function a filter.

    Each keyword names a parameter of the function, and the path of the field whose value it is given:
    ``candidate.magpsf``, or ``prv_candidates[].magpsf`` for the list of values in a history. Several paths are
    alternatives, the first of which that the alert has is read. All other parameters are the filter's config: they have
    defaults, and who uploads the filter can set them. Without keywords, the function is given the whole alert.

    A null is ``None``; in a history, a null array is an empty list.
    """
    if function is not None:
        return Filter(function, paths)
    return lambda function: Filter(function, paths)


def _paths(name: str, given: str | tuple[str, ...] | list[str]) -> tuple[Path, ...]:
    texts = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (tuple, list)) else ()
    if not texts or not all(isinstance(text, str) for text in texts):
        raise FilterError(f"{name} is {given!r}: it must be a path such as 'candidate.magpsf', or a tuple of paths")
    paths = tuple(map(Path.parse, texts))
    if len({path.through_array for path in paths}) > 1:
        raise FilterError(f"{name}: either all of its paths go through an array, or none does")
    return paths


def _parameters(function: Callable[..., Verdict], fields: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
    """The parameters that are the filter's config."""
    parameters = dict(inspect.signature(function).parameters)
    for name, parameter in parameters.items():
        if (
            parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
            and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        ):
            raise FilterError(f"{function.__name__}: the parameter {parameter} can't be given by its name")
    if not fields:
        if not parameters:
            raise FilterError(f"{function.__name__} takes no alert: write `def {function.__name__}(alert):`")
        del parameters[next(iter(parameters))]
        return parameters
    for name in fields:
        if name not in parameters:
            raise FilterError(f"{function.__name__} has no parameter {name}, but @filter gives it a path")
        del parameters[name]
    return parameters


def _first(paths: tuple[Path, ...], alert: Mapping[str, Any]) -> Any:
    for path in paths:
        try:
            return path.value(alert)
        except KeyError:
            continue
    return [] if paths[0].through_array else None
