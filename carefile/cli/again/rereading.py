"""Find filed documents whose record was made by a reader that is older than today's, and list them for a run.

The stamp of a record names its readers. A record that was filed before there were versions is older than any, and says
itself of which format it is.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.map_runs import LISTS
from carefile.cli.aws.objects import head, is_gone
from carefile.core.documents.readers import VERSIONS, Readers
from carefile.core.filing.layout import extracted_key
from carefile.core.filing.stamps import stamp_in
from carefile.core.model import Kind

USD_A_DOCUMENT = 60e-6  # what an item of a backfill costs that files a document (`make cost`)
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: of a format, below a prefix of a landing bucket (None: any), read by a version below one."""

    format: str | None = None
    below_version: int | None = None
    bucket: str | None = None
    prefix: str = ""

    def covers(self, entry: Entry, processed: str) -> bool:
        """Whether a catalog entry is of a document that was filed from there. What was adopted was read by nobody."""
        of_intake = entry.kind == Kind.DOCUMENT.value and entry.key != entry.landing_key
        below = entry.landing_key.startswith(self.prefix) and self.bucket in (None, entry.landing_bucket)
        return of_intake and below and not (entry.landing_bucket == processed and not entry.execution)

    def needs(self, readers: Readers) -> bool:
        """Whether a record by these readers is to be made again."""
        if self.format is not None and self.format not in readers:
            return False
        if self.format is not None and self.below_version is not None:
            return readers[self.format] < self.below_version
        return readers.is_older_than({name: VERSIONS.get(name, 0) for name in readers})


@dataclass(frozen=True, slots=True)
class Outdated:
    """A filed document, and the readers that made its record; 0 is the version of what was recorded before there were
    any."""

    entry: Entry
    readers: Readers

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.entry.landing_key,
            "bucket": self.entry.landing_bucket,
            "patient": self.entry.patient,
            "prefix": self.entry.prefix,
            "readers": dict(self.readers),
        }


class Rereading:
    def __init__(self, connection: Connection) -> None:
        self._connection, self._s3 = connection, connection.client("s3")
        self._entries, self._processed = Entries(connection), connection.processed

    def find(self, wanted: Wanted) -> Iterator[Outdated]:
        """Yield the documents to be read again, unordered. One HEAD a document."""
        entries = (entry for entry in self._entries.all() if wanted.covers(entry, self._processed))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while some := list(islice(entries, 16 * _AT_ONCE)):
                for entry, readers in zip(some, pool.map(self._readers, some), strict=True):
                    if readers and wanted.needs(readers):
                        yield Outdated(entry, readers)

    def _readers(self, entry: Entry) -> Readers | None:
        """What made the record that an entry leads to; None where there is no record."""
        key = extracted_key(entry.prefix)
        found = head(self._connection, self._processed, key)
        stamp = stamp_in(found.get("Metadata", {})) if found else None
        if stamp is None:
            return None
        return Readers.parse(stamp.readers) or self._manifest_readers(key)

    def _manifest_readers(self, key: str) -> Readers | None:
        try:
            record = json.loads(self._s3.get_object(Bucket=self._processed, Key=key)["Body"].read())
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return Readers({str(record["document"]["format"]): 0})


@dataclass(slots=True)
class Lists:
    """The keys to be read again, in a list for each landing bucket, and how many of which reader they are."""

    connection: Connection
    counts: Counter[str] = field(default_factory=Counter)
    _open: ExitStack = field(default_factory=ExitStack)
    _files: defaultdict[str, IO[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self._files = defaultdict(lambda: self._open.enter_context(TemporaryFile()))  # noqa: SIM115

    def __enter__(self) -> Lists:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add_each(self, found: Iterable[Outdated]) -> Iterator[Mapping[str, Any]]:
        for one in found:
            self.counts[next(iter(one.readers))] += 1
            line = json.dumps({"key": one.entry.landing_key}).encode() + b"\n"
            self._files[one.entry.landing_bucket].write(line)
            yield one.to_json()

    def upload(self) -> Iterator[tuple[str, str]]:
        """Upload the lists to the reports bucket; yield each landing bucket with its list's key."""
        s3, reports = self.connection.client("s3"), self.connection.output("ReportsBucketName")
        for bucket, file in sorted(self._files.items()):
            key = f"backfill/{LISTS}reread-{bucket}-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl"
            file.seek(0)
            s3.upload_fileobj(file, reports, key)
            yield bucket, key
