"""`carefile where`: print the prefix from which an assistant or a script reads a patient's sessions.

With `--session`, print the session's folder from the catalog and the id to load it by. If two source trees have
sessions with the same id, the second one's folder has a suffix, and both are printed.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit, listed
from carefile.cli.problem import refuse_unless_one
from carefile.cli.shown.view import View, plain
from carefile.places import sessions_named
from carefile.places import where as place_of


def where(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str | None, typer.Option(help="The patient whose sessions to locate.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="Locate the sessions filed as unknown.")] = False,
    session: Annotated[str | None, typer.Option(help="Locate only the session with this id.")] = None,
) -> Exit:
    """Print the S3 prefix of a patient's sessions."""
    refuse_unless_one([patient is not None, unknown], "locate", "--patient ID or --unknown")
    expected = place_of(patient, session, prefix=connection.layout.prefix)
    if session is None:
        view.thing(expected, partial(_print, expected["patient_context"]["session_prefix"]))
        return Exit.DONE
    found = [one.answer for one in sessions_named(connection, patient, session)]
    if len(found) > 1:
        view.warn(f"{len(found)} source trees have a session with that id; each has its own folder.")
    for answer in found or [expected]:
        view.thing(answer, partial(_print, _folder(answer)))
        _note_id(view, answer)
    if not found:
        view.warn("The session is not in the catalog; it would be filed here.")
    return listed(len(found), named=True)


def _folder(answer: dict[str, Any]) -> str:
    return f"{answer['patient_context']['session_prefix']}{answer['session_info']['session_id']}/"


def _note_id(view: View, answer: dict[str, Any]) -> None:
    for manager, load in answer["session_info"]["load_by"].items():
        view.note(f"{manager}: session {plain(load['session_id'])}, prefix {plain(load['prefix'])}")


def _print(path: str, out: Console) -> None:
    out.print(path, soft_wrap=True, markup=False)
