"""The exit codes, the same for every command. `carefile help exit-codes` explains them to the operator."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """`DONE`: nothing in what was asked for needs attention; a preview, or an empty list, is no fault.
    `FOUND`: the command ran, and left a problem behind, looked for faults and found some, or what was named is not
    there or has failed.
    `UNUSABLE`: the command could not run. `INTERRUPTED`: Ctrl-C."""

    DONE = 0
    FOUND = 1
    UNUSABLE = 2
    INTERRUPTED = 130


def listed(count: int, *, named: bool = False, faults: bool = False) -> Exit:
    """Return the exit code of a list: of `faults`, none is well; of what a key, a patient or a word has `named`, some
    is; any other list is well whatever its length."""
    return Exit.FOUND if (faults and count) or (named and not count) else Exit.DONE
