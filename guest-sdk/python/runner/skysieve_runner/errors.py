"""Errors, told with the author's file, line and source text."""

import linecache
import traceback

# The file whose program is running. Frames of other files are the runner's own, or the standard library's.
author = {"file": "filter.py"}
# How many frames of a traceback are told.
FRAMES = 8


class ProgramError(Exception):
    """The program is not a filter, or its author has to be told something without a traceback."""


class Denied(RuntimeError):
    """Something that filters can't do."""

    # Tracebacks leave out the module of what is built in.
    __module__ = "builtins"


def remember_source(file: str, text: str):
    """Lets tracebacks show the lines of a program, which is in no file."""
    author["file"] = file
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)


def forget_sources():
    """Keeps tracebacks from looking for files."""
    linecache.cache.clear()
    linecache.checkcache = lambda *arguments, **more: None
    linecache.updatecache = lambda *arguments, **more: []
    linecache.lazycache = lambda *arguments, **more: False


def told(error: BaseException) -> str:
    """What the author is told of an error."""
    if isinstance(error, ProgramError):
        return str(error)
    try:
        summary = traceback.TracebackException(type(error), error, _authors(error.__traceback__), compact=True)
        _leave_out_runner(summary)
        # What went wrong comes first, because a list of faults shows the beginning.
        return "".join([_headline(summary, error), "\n", *summary.format()]).rstrip()
    except BaseException:  # noqa: B902 - a program's exceptions can do anything when they are printed
        return f"{type(error).__name__}, which can't be printed"


def _headline(summary, error) -> str:
    line = list(summary.format_exception_only())[-1].strip()
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {line}"
    frames = [frame for frame in summary.stack if frame.filename == author["file"]]
    where = f"{author['file']}, line {frames[-1].lineno}: " if frames else f"{author['file']}: "
    return where + line


def _authors(trace):
    """The last frames of the traceback, from the first frame of the author's on. Others would cost fuel, and are not told."""
    frames = []
    while trace is not None:
        if frames or trace.tb_frame.f_code.co_filename == author["file"]:
            frames.append(trace)
        trace = trace.tb_next
    return frames[-FRAMES:][0] if frames else None


def _leave_out_runner(summary):
    """Ends the traceback at the author's last frame: what the runner did then is no help."""
    frames = summary.stack
    last = max((at for at, frame in enumerate(frames) if frame.filename == author["file"]), default=-1)
    del frames[last + 1 :]
