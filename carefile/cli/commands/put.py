"""`carefile put`: upload files and folders, and follow them to their disposition.

`--patient` and `--kind` determine the landing key and, for the patient, user metadata: both are part of the one request
that writes the object, so there is a single intake and never a moment under another patient. They are evidence, not a
decision: if a document names another patient, it is filed as unknown (`conflict`) and the command reports it.

A file whose bytes and patient the landing bucket already shows under its key is not uploaded again, so an interrupted
command goes on where it was.
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
from boto3.s3.transfer import TransferConfig

from carefile.cli.again.following import Sent, follow
from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.moving.checksums import Checksums
from carefile.cli.moving.uploads import (
    MAX_SINGLE_PUT,
    PART,
    Upload,
    checksum_of,
    patient_metadata,
    plan_uploads,
)
from carefile.cli.patients.listed.doubt import refuse_nobody, warn_of
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import Column, View, lasting, sized
from carefile.cli.times import span
from carefile.core.model import Kind, Source, UnknownReason

_THREADS = 8
_TRANSFER = TransferConfig(multipart_threshold=MAX_SINGLE_PUT + 1, multipart_chunksize=PART)
_MAX_KEY = 1024  # S3, "Object key name"


def put(
    connection: Connection,
    view: View,
    # Text, as a Path makes the current folder of an empty one.
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, or session folders.", show_default=False)
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
    again: Annotated[bool, typer.Option("--again", help="Upload also what is already there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the keys that it would upload.")
    ] = False,
) -> Exit:
    """Upload files or folders to the landing bucket.

    Files that are already there are not uploaded again.
    """
    patience = span(timeout)
    given = [Path(path) for path in paths]
    _refuse_overlaps(given)
    refuse_nobody(patient)
    planned = [upload for path in given for upload in _plan(path, patient, kind, prefix)]
    rules = rules_of(connection)
    if prefix is None:
        for name in sorted({path.resolve().name for path in given if path.is_dir()} & _CONVENTIONS):
            view.note(f"{name}/ itself is not part of the keys; --prefix {name} makes it so.")
    uploads = [upload for upload in planned if not rules.ignores(upload.key)]
    if ignored := len(planned) - len(uploads):
        view.note(f"{ignored} ignored: leftovers of desktops and transfer tools.")
    _refuse(connection, uploads)
    if patient is not None and uploads:
        warn_of(connection, view, patient)
    metadata = patient_metadata(patient)
    there = {} if again else _there(connection, view, uploads, metadata)
    if there:
        view.note(f"{len(there)} already there and not uploaded again; --again uploads them.")
    new = [upload for upload in uploads if upload.key not in there]
    if dry_run:
        rows = [
            {"path": str(upload.path), "key": upload.key, "size": upload.path.stat().st_size}
            for upload in new
        ]
        view.table(_PLANNED, rows, nothing="No files to upload.")
        view.note("[bold]Nothing was uploaded.[/bold] Leave out --dry-run to upload.")
        return Exit.DONE
    started = datetime.now(UTC)
    sent = list(_sent(connection, view, new, metadata))
    if not wait:
        view.table(_UPLOADED, [_uploaded(item) for item in sent], nothing="No files to upload.")
        return Exit.DONE
    sent += there.values()
    ends, unknown = Counter[str](), Counter[str]()
    with view.progress("objects") as bar:
        task = bar.add_task("Filing", total=len(sent))

        def ended() -> Iterator[dict[str, Any]]:
            for followed in follow(connection, sent, patience):
                record = followed.to_json()
                ends[followed.status] += 1
                if record["reason"]:
                    unknown[record["reason"]] += 1
                bar.advance(task)
                yield record

        view.stream(_FOLLOWED, ended(), below=_where, nothing="No files to upload.")
    return _report(view, len(new), ends, unknown, datetime.now(UTC) - started)


def _refuse_overlaps(paths: list[Path]) -> None:
    """A file below two of the paths would get two keys, and be filed twice."""
    for path in paths:
        for other in paths:
            if other is not path and path.resolve().is_relative_to(other.resolve()):
                raise Problem(f"{path} is already part of {other}", "leave out one of them")


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


def _there(
    connection: Connection, view: View, uploads: list[Upload], metadata: dict[str, str]
) -> dict[str, Sent]:
    """The current versions that hold a file's bytes and name its patient already, by key."""
    checksums = Checksums(connection.client("s3"))

    def found(upload: Upload) -> Sent | None:
        stored = checksums.stored(connection.landing, upload.key)
        size = upload.path.stat().st_size
        if stored is None or stored.size != size or stored.head.get("Metadata", {}) != metadata:
            return None
        if stored.head.get("ChecksumCRC32") != checksum_of(upload.path, size):
            return None
        version_id = None if stored.version_id == "null" else stored.version_id
        return Sent(Source(connection.landing, upload.key), version_id, size, stored.head["LastModified"])

    with view.progress("files") as bar, ThreadPoolExecutor(_THREADS) as pool:
        task = bar.add_task("Comparing", total=len(uploads))
        there = {}
        for upload, sent in zip(uploads, pool.map(found, uploads), strict=True):
            bar.advance(task)
            if sent:
                there[upload.key] = sent
    return there


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
        if size <= MAX_SINGLE_PUT:
            with upload.path.open("rb") as body:
                version_id = s3.put_object(Body=body, **named, **arguments).get("VersionId")
        else:
            s3.upload_file(str(upload.path), *named.values(), ExtraArgs=arguments, Config=_TRANSFER)
            version_id = s3.head_object(**named).get("VersionId")
        return Sent(
            Source(connection.landing, upload.key), version_id if version_id != "null" else None, size, at
        )

    if not uploads:
        return
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


def _report(view: View, uploaded: int, ends: Counter[str], unknown: Counter[str], took: timedelta) -> Exit:
    failed, waiting = ends["failed"], ends["waiting"]
    view.note(f"{uploaded} uploaded, {ends.total() - failed - waiting} processed in {lasting(took)}.")
    for reason, count in unknown.most_common():
        view.note(
            f"[yellow]{count} filed as unknown: {_WHY_UNKNOWN.get(reason, reason)}.[/yellow] "
            "Use `carefile show KEY` to see why."
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


# Folders in which the default rules know patients.
_CONVENTIONS = frozenset({"documents", "sessions", "medical-notes"})
_WHY_UNKNOWN: dict[str, str] = {
    UnknownReason.CONFLICT: "the evidence names different patients",
    UnknownReason.NO_EVIDENCE: "nothing names a patient",
}
_PLANNED = (
    Column("File", lambda r: r["path"]),
    Column("Size", lambda r: sized(r["size"]), right=True),
    Column("Key", lambda r: r["key"]),
)
_UPLOADED = (
    Column("Key", lambda r: r["key"]),
    Column("Size", lambda r: sized(r["size"]), right=True),
    Column("Version", lambda r: r["version_id"]),
)
_FOLLOWED = (
    Column("Status", lambda r: r["status"], width=10),
    Column("Took", lambda r: lasting(r["seconds"]), right=True, width=9),
    Column("Patient", _who, width=22),
    Column("Object", lambda r: r["key"]),
)
