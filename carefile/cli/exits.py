"""The exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """`DONE`: success. `FOUND`: the command ran and found or left a problem (a failed intake, a message that could not
    be sent, a missing object). `UNUSABLE`: the command could not run. `INTERRUPTED`: Ctrl-C."""

    DONE = 0
    FOUND = 1
    UNUSABLE = 2
    INTERRUPTED = 130
