"""The exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """`DONE`: all is well. `FOUND`: the command did its work and something is not well (an intake failed, a message
    could not be sent, an object is missing). `UNUSABLE`: the command could not do its work. `INTERRUPTED`: Ctrl-C."""

    DONE = 0
    FOUND = 1
    UNUSABLE = 2
    INTERRUPTED = 130
