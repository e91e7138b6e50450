"""The Python runner: a component that runs filters in Python.

Its config is a JSON document, which whoever uploads a filter's text gets made for them:
``{"program": "...", "file": "rising.py", "parameters": {"rise": 0.5}}``.

componentize-py runs this module once, and keeps its memory: all that is imported and made here is there when a filter
starts.
"""

import gc
import json
import sys

import wit_world
from componentize_py_types import Err
from wit_world.imports import logging, types

from . import (
    denied,
    heap,
    library,  # noqa: F401 - what programs can import
)
from .described import described
from .errors import ProgramError, told
from .output import LogStream
from .program import Program
from .verdicts import annotations

NO_PROGRAM = (
    "this module runs filters in Python, and its config is a JSON document with the program; "
    "upload the program's text instead: skysieve upload rising.py"
)

running: Program | None = None


def read_config(config: str) -> Program:
    """Starts the program that the config contains."""
    try:
        document = json.loads(config)
        text, file = document["program"], document.get("file", "filter.py")
        parameters = document.get("parameters", {})
        if not (isinstance(text, str) and isinstance(file, str) and isinstance(parameters, dict)):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProgramError(NO_PROGRAM) from None
    return Program(text, file, parameters)


def guarded(work, *arguments):
    """Does the work. What goes wrong is told in terms of the author's program."""
    try:
        return work(*arguments)
    except MemoryError:
        pass  # What the traceback holds is given back first.
    except BaseException as error:  # noqa: B902 - also SystemExit and the like
        raise Err(told(error)) from None
    gc.collect()
    raise Err("MemoryError: the filter has used up its memory")


def describe(config: str):
    global running
    running = None
    program = read_config(config)
    fields = [types.Field(list(field.paths), types.Kind[field.kind.upper()], True) for field in program.fields]
    parameters = described(program.filter.parameters, program.documentation)
    manifest = types.Manifest(program.description, fields, parameters)
    running = program
    return manifest


def evaluate(rows, columns):
    accepted = []
    for row, verdict in enumerate(running.judge(rows, columns)):
        if verdict is not False and verdict is not None:
            pairs = annotations(verdict, running.filter.__name__)
            accepted.append(types.Accepted(row, [types.Annotation(name, value) for name, value in pairs]))
    return accepted


class WitWorld(wit_world.WitWorld):
    def describe(self, config):
        # While this module is made, nothing can be logged.
        sys.stdout = LogStream(logging.Level.INFO)
        sys.stderr = LogStream(logging.Level.WARN)
        return guarded(describe, config)

    def evaluate(self, rows, columns):
        return guarded(evaluate, rows, columns)


def warm_up():
    """Fails in the usual ways, so that what Python makes for that is there already."""
    for text in (
        "def filter(alert): return alert['a']['b'] > 1 and [p['c'] for p in alert['d']]",
        "x = (1,\ndef",
        "1/0",
        "import nosuch",
    ):
        for file in ("filter.py", "other.py"):
            try:
                guarded(describe, json.dumps({"program": text, "file": file}))
            except Err:
                pass


denied.deny()
warm_up()
running = None
gc.collect()
gc.freeze()
KEPT = heap.fill()
