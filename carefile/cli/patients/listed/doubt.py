"""What a person should hear before they name a patient: that the id is not listed, and which listed ones are near."""

from __future__ import annotations

from collections.abc import Iterator

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View, plain
from carefile.core.deciding.identity import identity
from carefile.core.patients.entries import PatientState

_SHOWN = 5


def refuse_nobody(patient: str | None) -> None:
    """Refuse an empty id: a variable of a script that was never set, most of the time."""
    if patient is not None and not identity(patient):
        raise Problem("--patient is empty and names nobody", "give the patient's id, or leave --patient out")


def warn_of(connection: Connection, view: View, patient: str) -> None:
    """Warn of an id that the directory does not list, or lists as inactive or merged."""
    for line in _doubts(connection, patient):
        view.warn(f"[yellow]{line}[/yellow]")


def _doubts(connection: Connection, patient: str) -> Iterator[str]:
    if not connection.has_directory:
        return
    patients, named = Patients(connection), plain(patient)
    entry = patients.get(patient)
    if entry is not None:
        if entry.state is PatientState.INACTIVE:
            yield f"{named} is inactive in the patient directory."
        if entry.merged_into is not None:
            yield f"{named} was merged into {plain(entry.merged_into)}."
        return
    near = ", ".join(plain(one.id) for one in patients.near(patient)[:_SHOWN])
    meant = f" Did you mean {near}?" if near else ""
    if connection.patients_are_listed:
        yield f"{named} is not listed, so it will be filed as unknown (unlisted).{meant}"
    elif next(Entries(connection).of_patient(identity(patient)), None) is None:
        yield f"{named} is not listed, and nothing was ever filed under it.{meant}"
