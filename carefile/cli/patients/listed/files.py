"""Read patient feeds record by record, in constant memory: CSV, FHIR (NDJSON, a Bundle) and HL7 v2."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carefile.cli.problem import Problem
from carefile.core.patients.feeds import adt, fhir
from carefile.core.patients.feeds.records import FeedRecord, Unusable, UnusableFeed
from carefile.core.patients.feeds.table import Columns

_MAX_BUNDLE = 64 * 1024**2  # bytes; a Bundle is one JSON value, and is read whole
_MAX_MESSAGE = 10_000  # segments
_HL7 = (b"MSH", b"FHS", b"BHS")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Feed:
    """One file. `is_history`: its records follow one another, so of two about one patient the later one holds."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    id_system: str | None = None
    day_first: bool | None = None

    @property
    def is_history(self) -> bool:
        return self._start().startswith(_HL7)

    def records(self) -> Iterator[FeedRecord]:
        """What each record says, in the order of the file; a Problem where nothing of the file can be used."""
        start = self._start()
        try:
            if start.startswith(_HL7):
                yield from self._hl7()
            elif start.startswith((b"{", b"[")):
                yield from self._fhir()
            elif start:
                yield from self._table()
            else:
                raise UnusableFeed("the file is empty")
        except UnusableFeed as error:
            raise Problem(
                f"{self.path}: {error}", "nothing was imported; see `carefile patients import --help`"
            ) from None
        except OSError as error:
            raise Problem(f"cannot read {self.path}: {error.strerror}", "check the path") from None

    def _start(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip(b"\x0b \r\n\t")
        except OSError as error:
            raise Problem(f"cannot read {self.path}: {error.strerror}", "check the path") from None

    def _lines(self, *, split_at_returns: bool = False) -> Iterator[str]:
        """The lines, each decoded for itself: UTF-8, or, where it is none, Windows-1252."""
        with self.path.open("rb") as file:
            for raw in file:
                line = _decoded(raw)
                yield from line.replace("\r", "\n").splitlines() if split_at_returns else [line]

    def _table(self) -> Iterator[FeedRecord]:
        lines = self._lines()
        head = next(lines).removeprefix("\ufeff")
        delimiter = max(_DELIMITERS, key=head.count)
        header = next(csv.reader([head], delimiter=delimiter))
        columns = Columns.of(header, self.columns, day_first=self.day_first)
        rows = csv.reader(lines, delimiter=delimiter)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield Unusable("it is no line of a table", rows.line_num + 1)
                continue
            if any(cell.strip() for cell in row):
                yield columns.row(row, rows.line_num + 1)

    def _fhir(self) -> Iterator[FeedRecord]:
        with self.path.open("rb") as file:
            first = _json(file.readline(_MAX_BUNDLE))
        if isinstance(first, Mapping) and not _is_bundle(first):
            for number, line in enumerate(self._lines(), 1):
                if line.strip():
                    resource = _json(line)
                    yield (
                        Unusable("it is no JSON", number)
                        if resource is None
                        else fhir.patient(resource, self.id_system, number)
                    )
            return
        if self.path.stat().st_size > _MAX_BUNDLE:
            raise UnusableFeed("a Bundle of more than 64 MB; export NDJSON instead, one resource a line")
        bundle = _json(self.path.read_bytes())
        if not isinstance(bundle, Mapping):
            raise UnusableFeed("it is no FHIR Patient, no NDJSON of them and no Bundle")
        entries = bundle.get("entry", ()) if _is_bundle(bundle) else [{"resource": bundle}]
        for number, entry in enumerate(entries, 1):
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            yield fhir.patient(resource, self.id_system, number)

    def _hl7(self) -> Iterator[FeedRecord]:
        segments: list[str] = []
        began = 1
        for number, line in enumerate(self._lines(split_at_returns=True), 1):
            segment = line.strip("\x0b\x1c ")
            if segment.startswith("MSH"):
                yield from adt.message(segments, self.id_system, began) if segments else ()
                segments, began = [segment], number
            elif (
                segment
                and segments
                and len(segments) < _MAX_MESSAGE
                and segment[:3] not in ("BHS", "FHS", "BTS", "FTS")
            ):
                segments.append(segment)
        yield from adt.message(segments, self.id_system, began) if segments else ()


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _json(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_bundle(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("resourceType") == "Bundle"
