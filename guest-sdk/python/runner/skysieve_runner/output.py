"""What programs print goes to the filter's log."""

from wit_world.imports import logging


class LogStream:
    """A text stream each of whose lines is a message."""

    encoding = "utf-8"
    errors = "strict"
    closed = False

    def __init__(self, level):
        self.level = level
        self.line = ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            logging.log(self.level, line)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True
