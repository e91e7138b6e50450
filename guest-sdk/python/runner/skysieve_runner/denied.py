"""What filters can't do, and what they are told to do instead.

A verdict depends on the alert and the config alone. The component has no files, network, clock or threads: what is not
denied here ends in a trap, which says nothing. This is for clear errors, not for security, which is the sandbox's.
"""

import builtins
import datetime
import os
import posix
import random
import sys
import time
import uuid
from importlib.machinery import BuiltinImporter, FrozenImporter

from .errors import Denied, forget_sources

NO_FILES = "filters have no files: put what it needs into the program, or into a parameter"
NO_CLOCK = "filters have no clock: take the time of the alert, such as candidate.jd or diaSource.midpointMjdTai"
NO_NETWORK = "filters have no network: the verdict must depend on the alert and the config alone"
NO_THREADS = "filters have no threads and no processes: the host runs them side by side"
NO_RANDOMNESS = "filters have no source of randomness; `random` begins with the same seed in every instance"

# Modules that programs often import, and what to use instead.
INSTEAD = {
    "numpy": "use the built-in functions, math and statistics: histories are short lists",
    "pandas": "a history is a list of records, which comprehensions, sorted() and statistics handle",
    "scipy": "use math and statistics",
    "astropy": "alerts have Julian dates and degrees as they are; use math for angles",
    "fastavro": "the alert comes decoded",
    "confluent_kafka": "the host reads and publishes alerts",
    "pathlib": NO_FILES,
    "tempfile": NO_FILES,
    "shutil": NO_FILES,
    "glob": NO_FILES,
    "sqlite3": NO_FILES,
    "socket": NO_NETWORK,
    "requests": NO_NETWORK,
    "urllib": NO_NETWORK,
    "http": NO_NETWORK,
    "asyncio": NO_THREADS,
    "threading": NO_THREADS,
    "multiprocessing": NO_THREADS,
    "subprocess": NO_THREADS,
    "concurrent": NO_THREADS,
    "ctypes": "filters have no native libraries",
    "secrets": NO_RANDOMNESS,
}

EVENTS = {
    NO_FILES: "open os.listdir os.scandir os.mkdir os.remove os.rename os.rmdir os.chdir os.truncate os.link os.symlink "
    "os.utime os.chmod os.walk os.getxattr shutil.rmtree tempfile.mkstemp glob.glob sqlite3.connect mmap.__new__ fcntl.fcntl",
    NO_THREADS: "os.system os.exec os.fork subprocess.Popen _thread.start_new_thread _thread.start_joinable_thread",
    NO_NETWORK: "socket.__new__ socket.connect socket.getaddrinfo socket.bind socket.gethostname urllib.Request",
    NO_CLOCK: "time.sleep",
    "filters have no native libraries": "ctypes.dlopen",
}
FORBIDDEN = {event: why for why, events in EVENTS.items() for event in events.split()}

CLOCK = "time time_ns sleep monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time"
CLOCK += " thread_time_ns localtime gmtime ctime asctime clock_gettime clock_gettime_ns clock_getres"
POSIX = "stat lstat fstat access readlink getcwd read write isatty fsync get_terminal_size times getpid"


def denial(what: str, why: str):
    """A function that refuses."""

    def refuse(*arguments, **more):
        raise Denied(f"{what} is not available: {why}")

    refuse.__name__ = refuse.__qualname__ = what.rpartition(".")[2]
    return refuse


class NoImport:
    """Ends the search for a module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        why = INSTEAD.get(name.partition(".")[0], "filters can import most of Python's standard library, and nothing else")
        raise ModuleNotFoundError(f"{name} is not available in a filter: {why}", name=name)


class DateTime(datetime.datetime):
    """A datetime without a clock."""

    @classmethod
    def now(cls, tz=None):
        raise Denied(f"datetime.now is not available: {NO_CLOCK}")

    @classmethod
    def utcnow(cls):
        raise Denied(f"datetime.utcnow is not available: {NO_CLOCK}")

    @classmethod
    def today(cls):
        raise Denied(f"datetime.today is not available: {NO_CLOCK}")


class Date(datetime.date):
    """A date without a clock."""

    @classmethod
    def today(cls):
        raise Denied(f"date.today is not available: {NO_CLOCK}")


class Random(random.Random):
    """A generator that begins with the same seed everywhere, unless it is given one."""

    def __new__(cls, seed=0):
        return super().__new__(cls, seed)

    def __init__(self, seed=0):
        super().__init__(0 if seed is None else seed)

    def seed(self, a=0, version=2):
        super().seed(0 if a is None else a, version)


def audit(event, arguments):
    why = FORBIDDEN.get(event)
    if why is not None:
        raise Denied(f"{event} is not available: {why}")


def replace(module, names: str, why: str):
    for name in names.split():
        if hasattr(module, name):
            setattr(module, name, denial(f"{module.__name__.replace('posix', 'os')}.{name}", why))


def deny():
    """Denies all of it, for good."""
    for name, kind in (("datetime", DateTime), ("date", Date)):
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "datetime"
    datetime.datetime, datetime.date = DateTime, Date
    seed_random()
    strftime = time.strftime
    replace(time, CLOCK, NO_CLOCK)
    time.strftime = lambda format, *given: strftime(format, *given) if given else time.time()
    for module in (posix, os):
        replace(module, POSIX, NO_FILES)
        replace(module, "urandom", NO_RANDOMNESS)
        replace(module, "_exit abort kill fork system popen", "a filter ends by returning its verdict")
    replace(random, "SystemRandom", NO_RANDOMNESS)
    replace(uuid, "uuid1 uuid4 getnode", NO_RANDOMNESS)
    replace(builtins, "input breakpoint", "nobody answers; print goes to the filter's log")
    forget_sources()
    sys.path[:], sys.path_hooks[:] = [], []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, NoImport]
    sys.addaudithook(audit)
    sys.setrecursionlimit(400)
    replace(sys, "setrecursionlimit", "the stack of a filter has a fixed size")


def seed_random():
    random.Random = Random
    random._inst = generator = Random(0)
    for name in random.__all__:
        if hasattr(random.Random, name) and name not in ("Random", "SystemRandom"):
            setattr(random, name, getattr(generator, name))
