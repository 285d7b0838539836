"""A corpus of clinical files from independent hands, and hundreds of damaged ones made of it.

pydicom's own samples, messages that hl7apy writes, and the golden files, each with bytes flipped, ends cut off and
pieces of others put in. Every one is filed: a record fit for the schema, a page that renders, no reader that breaks
down. And whoever a damaged file names, its own undamaged file named.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema_rs
import pydicom
import pytest
from hl7apy.core import Message

from lambdas.core.extraction import Extraction, Reason
from lambdas.readers import Content
from lambdas.readers.base import NotThisFormatError, Source
from lambdas.readers.draft import Draft
from lambdas.readers.page import PageHeader, render
from lambdas.readers.registry import READERS, read_with
from tests.readers.golden_files import documents
from tests.readers.schema import SCHEMA

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
HEADER = PageHeader("title", "document", "A_1", "2024-10-28T14:30:22Z", "s3://bucket/key", "v1")
FORMATS = (".hl7", ".dcm", ".xml", ".json", ".ndjson", ".csv")
VERSIONS = ("2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6")
MUTATIONS = 8  # of each file
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)


def read_here(data: bytes, name: str) -> Extraction:
    """As `read`, but every reader in this process: a process for each of hundreds would take minutes."""
    source = Source(Content(data, len(data)), name, None)
    for reader in READERS:
        if reader.recognises(source):
            try:
                return read_with(reader, source)
            except NotThisFormatError:
                continue
    return Draft("unknown", "application/octet-stream", reason=Reason.UNSUPPORTED).finish(source)


def samples_of_pydicom() -> Iterator[tuple[str, bytes]]:
    folder = Path(pydicom.__file__).parent / "data"
    for path in sorted([*folder.glob("test_files/*.dcm"), *folder.glob("charset_files/*.dcm")]):
        if path.stat().st_size < 200_000:
            yield path.name, path.read_bytes()


def messages_of_hl7apy() -> Iterator[tuple[str, bytes]]:
    for number, version in enumerate(VERSIONS):
        message = Message("ADT_A01", version=version)
        message.msh.msh_3 = "LIS"
        message.pid.pid_3 = f"471{number}^^^HOSPITAL&1.2.840.{number}&ISO^MR"
        message.pid.pid_5 = "LOPEZ^MARIA^INES"
        message.pid.pid_7 = "19840211"
        message.pv1.pv1_2 = "I"
        yield f"{version}.hl7", message.to_er7().encode()
        yield f"{version}.mllp", message.to_mllp().encode()


@cache
def corpus() -> dict[str, bytes]:
    golden = (
        (path.name, path.read_bytes())
        for path in documents()
        if path.suffix in FORMATS and path.stat().st_size
    )
    return dict([*samples_of_pydicom(), *messages_of_hl7apy(), *golden])


def damaged(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    files = corpus()
    everything = list(files.values())
    for name, data in files.items():
        for _ in range(MUTATIONS):
            changed = bytearray(data)
            for _ in range(chance.randint(0, 12)):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            if chance.random() < 0.4:
                del changed[chance.randrange(len(changed)) :]
            if chance.random() < 0.3:
                other, at = chance.choice(everything), chance.randint(0, len(changed))
                start = chance.randrange(len(other))
                changed[at:at] = other[start : start + chance.randint(1, 2000)]
            yield name, bytes(changed)


def assert_is_filed(extraction: Extraction, name: str) -> None:
    VALIDATOR.validate(json.loads(extraction.to_bytes()))
    assert "reader-failed" not in {warning.code for warning in extraction.warnings}, name
    render(extraction, HEADER).encode()


def test_every_file_of_the_corpus_is_read_and_names_somebody_in_hl7() -> None:
    assert len(corpus()) > 100
    for name, data in corpus().items():
        extraction = read_here(data, name)
        assert_is_filed(extraction, name)
        if name.endswith(".mllp"):
            (candidate,) = extraction.patient_candidates
            assert candidate.value.startswith("471")
            assert (candidate.system or "").startswith("1.2.840.")


def test_every_damaged_file_is_filed_all_the_same() -> None:
    count = 0
    for name, data in damaged(random.Random(6)):
        assert_is_filed(read_here(data, name), name)
        count += 1
    assert count > 800


def test_a_file_that_is_cut_off_never_decides_for_a_patient_it_did_not_name() -> None:
    """Truncation is the damage that happens; half an identifier would be somebody else's."""
    for name, data in corpus().items():
        whole = {candidate.value for candidate in read_here(data, name).patient_candidates}
        chance = random.Random(name)
        for _ in range(MUTATIONS):
            extraction = read_here(data[: chance.randrange(len(data))], name)
            if extraction.candidates_complete:
                assert {c.value for c in extraction.patient_candidates} <= whole, name
