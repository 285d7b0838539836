"""`carefile where`: the prefix that an assistant or a script reads a patient's sessions from.

With `--session` the session's own folder, looked up in the catalog, and the id to load it by: where two source trees
have sessions of one id, the second one's folder carries a suffix, and both are shown.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View, plain
from carefile.places import sessions_named
from carefile.places import where as place_of


def where(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str | None, typer.Option(help="Whose sessions.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="The sessions of nobody known.")] = False,
    session: Annotated[str | None, typer.Option(help="One session's own folder.")] = None,
) -> Exit:
    """Print where a patient's sessions are."""
    if (patient is None) != unknown:
        raise Problem("whose sessions is not clear", "give --patient ID, or --unknown")
    expected = place_of(patient, session, prefix=connection.layout.prefix)
    if session is None:
        view.thing(expected, partial(_print, expected["patient_context"]["session_prefix"]))
        return Exit.DONE
    found = [one.answer for one in sessions_named(connection, patient, session)]
    if len(found) > 1:
        view.warn(f"{len(found)} source trees have a session of that id; each has a folder of its own.")
    for answer in found or [expected]:
        view.thing(answer, partial(_print, _folder(answer)))
        _note_id(view, answer)
    if not found:
        view.warn("Nothing of that session is cataloged; this is where it would be filed.")
    return Exit.DONE if found else Exit.FOUND


def _folder(answer: dict[str, Any]) -> str:
    return f"{answer['patient_context']['session_prefix']}{answer['session_info']['session_id']}/"


def _note_id(view: View, answer: dict[str, Any]) -> None:
    for manager, load in answer["session_info"]["load_by"].items():
        view.note(f"{manager}: session {plain(load['session_id'])}, prefix {plain(load['prefix'])}")


def _print(path: str, out: Console) -> None:
    out.print(path, soft_wrap=True, markup=False)
