"""`carefile put`: upload files and folders, and follow them to their disposition.

`--patient` and `--kind` determine the landing key and, for the patient, user metadata: both are part of the one request
that writes the object, so there is a single intake and never a moment under another patient. They are evidence, not a
decision: if a document names another patient, it is filed as unknown (`conflict`) and the command reports it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any

import typer

from carefile.cli.again.following import Sent, follow
from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.moving.uploads import Upload, patient_metadata, plan_uploads
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import Column, View, lasting, sized
from carefile.cli.times import span
from carefile.core.model import Kind, Source

_THREADS = 8
_MAX_SINGLE_PUT = 64 * 1024**2
_MAX_KEY = 1024  # S3, "Object key name"


def put(
    connection: Connection,
    view: View,
    paths: Annotated[
        list[Path], typer.Argument(help="Files, folders, or session folders.", show_default=False)
    ],
    *,
    patient: Annotated[str | None, typer.Option(help="The patient they belong to.")] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="The kind of record; derived from the paths by default.")
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Upload to this landing prefix instead of documents/… or sessions/…."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until each upload is filed or has failed.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="Maximum time to wait.")] = "10m",
) -> Exit:
    """Upload files or folders to the landing bucket."""
    patience = span(timeout)
    planned = [upload for path in paths for upload in _plan(path, patient, kind, prefix)]
    rules = rules_of(connection)
    uploads = [upload for upload in planned if not rules.ignores(upload.key)]
    if ignored := len(planned) - len(uploads):
        view.note(f"{ignored} ignored: leftovers of desktops and transfer tools.")
    _refuse(connection, uploads)
    started = datetime.now(UTC)
    sent = list(_sent(connection, view, uploads, patient_metadata(patient)))
    if not wait:
        view.table(_UPLOADED, [_uploaded(item) for item in sent], nothing="No files to upload.")
        return Exit.DONE
    ends: Counter[str] = Counter()
    with view.progress("objects") as bar:
        task = bar.add_task("Filing", total=len(sent))

        def ended() -> Iterator[dict[str, Any]]:
            for followed in follow(connection, sent, patience):
                record = followed.to_json()
                ends[followed.status] += 1
                ends["conflict"] += record["reason"] == "conflict"
                bar.advance(task)
                yield record

        view.stream(_FOLLOWED, ended(), below=_where, nothing="No files to upload.")
    return _report(view, ends, datetime.now(UTC) - started)


def _plan(path: Path, patient: str | None, kind: Kind | None, prefix: str | None) -> Iterator[Upload]:
    if not path.exists():
        raise Problem(f"no such file or folder: {path}", "check the path")
    return plan_uploads(path, patient, kind, prefix)


def _refuse(connection: Connection, uploads: list[Upload]) -> None:
    """Refuse keys that would fail or start no intake, before anything is uploaded."""
    keys: dict[str, Path] = {}
    for upload in uploads:
        if len(upload.key.encode()) > _MAX_KEY:
            raise Problem(
                f"the key of {upload.path} would exceed the limit of S3 (1,024 bytes)",
                "use a shorter --prefix",
            )
        if connection.layout.holds(upload.key):
            raise Problem(
                f"{upload.key} is under the pipeline's own prefix, {connection.layout.prefix}",
                "use another --prefix",
            )
        if upload.key in keys:
            raise Problem(
                f"{keys[upload.key]} and {upload.path} would get the same key", "upload them one at a time"
            )
        keys[upload.key] = upload.path


def _sent(
    connection: Connection, view: View, uploads: list[Upload], metadata: dict[str, str]
) -> Iterator[Sent]:
    s3 = connection.client("s3")

    def send(upload: Upload) -> Sent:
        arguments: dict[str, Any] = {"Metadata": metadata}
        if content_type := guess_type(upload.path.name)[0]:
            arguments["ContentType"] = content_type
        at, size = datetime.now(UTC), upload.path.stat().st_size
        named = {"Bucket": connection.landing, "Key": upload.key}
        if size <= _MAX_SINGLE_PUT:
            with upload.path.open("rb") as body:
                version_id = s3.put_object(Body=body, **named, **arguments).get("VersionId")
        else:
            s3.upload_file(str(upload.path), *named.values(), ExtraArgs=arguments)
            version_id = s3.head_object(**named).get("VersionId")
        return Sent(
            Source(connection.landing, upload.key), version_id if version_id != "null" else None, size, at
        )

    with view.progress("files") as bar, ThreadPoolExecutor(_THREADS) as pool:
        task = bar.add_task("Uploading", total=len(uploads))
        for sent in pool.map(send, uploads):
            bar.advance(task)
            yield sent


def _uploaded(sent: Sent) -> dict[str, Any]:
    return {
        "bucket": sent.source.bucket,
        "key": sent.source.key,
        "version_id": sent.version_id,
        "size": sent.size,
    }


def _report(view: View, ends: Counter[str], took: timedelta) -> Exit:
    failed, waiting = ends["failed"], ends["waiting"]
    total = ends.total() - ends["conflict"]
    view.note(f"{total} uploaded, {total - failed - waiting} processed in {lasting(took)}.")
    if ends["conflict"]:
        view.note(
            f"[yellow]{ends['conflict']} filed as unknown: the evidence names different patients.[/yellow] "
            "Use `carefile show KEY` to see it."
        )
    if failed:
        view.note(f"[red]{failed} failed.[/red] Use `carefile show KEY` to see why and what to do.")
    if waiting:
        view.note(f"[yellow]{waiting} still in progress.[/yellow] Use `carefile show KEY` to follow them.")
    return Exit.FOUND if failed or waiting else Exit.DONE


def _who(record: Any) -> str | None:
    if record["patient"]:
        return str(record["patient"])
    return f"unknown ({record['reason']})" if record["reason"] else None


def _where(record: Any) -> str | None:
    """Where an upload was filed, or why it was not."""
    if record["error"]:
        return f"{record['error']}: {record['cause']}"
    return str(record["prefix"]) if record["prefix"] else None


_UPLOADED = (
    Column("Key", lambda r: r["key"]),
    Column("Size", lambda r: sized(r["size"]), keep=True, right=True),
    Column("Version", lambda r: r["version_id"]),
)
_FOLLOWED = (
    Column("Status", lambda r: r["status"], width=10),
    Column("Took", lambda r: lasting(r["seconds"]), right=True, width=9),
    Column("Patient", _who, width=22),
    Column("Object", lambda r: r["key"]),
)
