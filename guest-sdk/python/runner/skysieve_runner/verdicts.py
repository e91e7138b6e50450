"""What a filter returns."""

from .records import Record


def annotations(verdict, function: str) -> list[tuple[str, str]]:
    """The annotations of an alert that is accepted. Raises a `TypeError` if the verdict is none."""
    if verdict is True or isinstance(verdict, Record) and not verdict.place:
        return []
    if isinstance(verdict, dict) and not isinstance(verdict, Record):
        for name in verdict:
            if not isinstance(name, str):
                raise TypeError(f"{function} returned a dict with the key {name!r}; annotations have texts as names")
        return [(name, text(value)) for name, value in verdict.items()]
    shown = repr(verdict)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    raise TypeError(
        f"{function} returned {shown}, of type {type(verdict).__name__}; it must return True or the alert to accept it, "
        "a dict to accept it with annotations, and False or None to reject it"
    )


def text(value) -> str:
    return value if isinstance(value, str) else str(value)
