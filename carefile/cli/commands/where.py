"""`carefile where`: the prefix that an assistant or a script reads a patient's sessions from.

With `--session` the session's own folder, looked up in the catalog: where two source trees have sessions of one id, the
second one's folder carries a suffix, and both are told.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, SessionSummary
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.filing.layout import Owner
from carefile.core.records.session_entries import Place
from carefile.places import session_folder_name
from carefile.places import where as place_of

_SUFFIXES = (8, 16, 32)


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
    prefix = connection.layout.prefix
    if session is None:
        answer = place_of(patient, prefix=prefix)
        view.thing(answer, partial(_print, answer["patient_context"]["session_prefix"]))
        return Exit.DONE
    folders = _folders(connection, patient, session)
    if len(folders) > 1:
        view.warn(f"{len(folders)} source trees have a session of that id; each has a folder of its own.")
    for folder in folders or [session_folder_name(session)]:
        answer = place_of(patient, session, prefix=prefix)
        answer["session_info"]["session_id"] = folder
        path = f"{answer['patient_context']['session_prefix']}{folder}/"
        view.thing(answer, partial(_print, path))
    if not folders:
        view.warn("Nothing of that session is cataloged; this is where it would be filed.")
    return Exit.DONE if folders else Exit.FOUND


def _folders(connection: Connection, patient: str | None, session: str) -> list[str]:
    """The folders that the catalog shows for this session, the plain one first."""
    plain, entries = session_folder_name(session), Entries(connection)
    found = [
        item.session_id
        for item in entries.sessions_of(patient)
        if item.session_id == plain or _is_second(entries, item, plain)
    ]
    return sorted(found, key=lambda name: (len(name), name))


def _is_second(entries: Entries, session: SessionSummary, plain: str) -> bool:
    """True for the folder of another tree with a session of the same id: its suffix is the tree's own digest."""
    name, _, suffix = session.session_id.rpartition("-")
    if name != plain or len(suffix) not in _SUFFIXES:
        return False
    one = next(iter(entries.in_session(Place(session.bucket, session.prefix))), None)
    if one is None:
        return False
    key = one.landing_key
    trees = [key, *(key[: place + 1] for place, letter in enumerate(key) if letter == "/")]
    return any(Owner(one.landing_bucket, tree, tree=True).owner_id.startswith(suffix) for tree in trees)


def _print(path: str, out: Console) -> None:
    out.print(path, soft_wrap=True, markup=False)
