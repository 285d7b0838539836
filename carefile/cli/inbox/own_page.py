"""The page of a filed document, and of a session as a conversation, by landing key or folder of the layout."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, SessionSummary
from carefile.cli.aws.objects import is_gone
from carefile.cli.patients.decided import decision_about
from carefile.cli.problem import NotThere
from carefile.core.filing.layout import result_key
from carefile.core.filing.names import decode_sub_path
from carefile.core.model import Source
from carefile.core.records.session_entries import Place
from carefile.page.conversation import MAX_OBJECT, conversation, in_order
from carefile.page.evidence import who_decided
from carefile.page.render import PageHeader
from carefile.page.session import render_session


def page_of(connection: Connection, what: str) -> str:
    """Render the page of a landing key or a folder, or raise NotThere if there is none."""
    if connection.layout.holds(what):
        folder = what if what.endswith("/") else f"{what.rpartition('/')[0]}/"
        return _document(connection, folder) or _session(connection, Place(connection.processed, folder))
    entry = Entries(connection).get(Source(connection.landing, what).source_id)
    if entry is None:
        raise _no_page()
    if entry.is_session:
        return _session(connection, Place(entry.bucket, entry.prefix))
    page = _document(connection, entry.prefix)
    if page is None:
        raise _no_page()
    return page


def session_page(connection: Connection, session: SessionSummary) -> str:
    """Render a session as a conversation."""
    place = Place(session.bucket, session.prefix)
    in_session = Entries(connection).in_session(place)
    keys = {decode_sub_path(it.key.removeprefix(place.prefix)): it.key for it in in_session}

    def objects() -> Iterator[tuple[str, bytes]]:
        """Download objects lazily: a long session is only read as far as it is rendered."""
        for sub_path in in_order(keys):
            yield sub_path, _bytes(connection, keys[sub_path], MAX_OBJECT + 1) or b""

    source = f"s3://{place.bucket}/{place.prefix}"
    header = PageHeader(
        session.session_id,
        "session",
        _patient(session),
        session.last_activity,
        source,
        "",
        decision=who_decided(decision_about(connection, in_session)),
    )
    return render_session(conversation(objects()), header)


def _no_page() -> NotThere:
    return NotThere(
        "there is no page for that key",
        "`carefile show KEY` says what became of an upload, `carefile catalog` lists what is filed",
    )


def _document(connection: Connection, folder: str) -> str | None:
    data = _bytes(connection, result_key(folder))
    return None if data is None else data.decode("utf-8")


def _session(connection: Connection, place: Place) -> str:
    session = Entries(connection).session(place)
    if session is None:
        raise _no_page()
    return session_page(connection, session)


def _patient(session: SessionSummary) -> str:
    return session.patient if session.patient is not None else f"unknown ({session.reason or 'no-evidence'})"


def _bytes(connection: Connection, key: str, most: int | None = None) -> bytes | None:
    limited = {"Range": f"bytes=0-{most - 1}"} if most else {}
    try:
        data: bytes = (
            connection.client("s3").get_object(Bucket=connection.processed, Key=key, **limited)["Body"].read()
        )
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return data
