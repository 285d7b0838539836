"""The corpus through the intake: whatever the bytes, an upload ends cataloged, in four files, each of them fit.

The files are made by libraries that read none of them here (reportlab, python-docx, XlsxWriter, Pillow, hl7apy), are
pydicom's own samples and the golden documents; each also damaged at random.
"""

from __future__ import annotations

import random
from pathlib import Path

import jsonschema
import pydicom
import pytest
from hl7apy.core import Message

from tests.readers.golden_files import documents
from tests.readers.here import read_here
from tests.readers.made import MADE
from tests.readers.schema import SCHEMA
from tests.readers.test_corpus import FILES, mutated
from tests.readers.test_page import assert_nothing_can_run
from tests.unit.world import World, cataloged, prefix_of

DAMAGED = 2  # of each file
BATCHES = 15  # each in a world of its own
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
NAMES = ("_manifest.json", "extracted_data.json", "original.bin", "result.html")


def message() -> bytes:
    """A message as hl7apy writes it."""
    made = Message("ORU_R01", version="2.5")
    made.msh.msh_9 = "ORU^R01^ORU_R01"
    made.add_segment("PID").pid_3 = "4711^^^LAB^MR"
    for number in range(3):
        observation = made.add_segment("OBX")
        observation.obx_2, observation.obx_3, observation.obx_5 = "NM", "718-7^Hb^LN", str(13 + number)
    return made.to_er7().encode()


SAMPLES = {
    path.name: path.read_bytes()
    for path in sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))
    if path.stat().st_size < 200_000
}
CORPUS = (
    {f"made.{name}": make("Señora López") for name, make in MADE.items()}
    | {f"large.{name}": data for name, data in FILES.items()}
    | {path.name: path.read_bytes() for path in documents() if path.stat().st_size}
    | SAMPLES
    | {"hl7apy.hl7": message()}
)


def assert_filed(world: World, data: bytes, number: int) -> None:
    """Cataloged, complete, valid, and shown."""
    result = world.file(f"documents/P1/upload_{number}.bin", data, name=f"e{number}")
    assert result["disposition"] == "cataloged"
    folder, catalog = prefix_of(result), cataloged(result)
    assert world.filed(folder) == [folder + name for name in NAMES]
    assert {entry["key"] for entry in catalog["location"]["objects"]} >= {folder + name for name in NAMES[1:]}
    assert world.body(f"{folder}original.bin") == data
    record = world.json(f"{folder}extracted_data.json")
    VALIDATOR.validate(record)
    assert "reader-failed" not in {warning["code"] for warning in record["warnings"]}
    assert_nothing_can_run(world.body(f"{folder}result.html").decode())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(240)
# Without the intake around it, which treats all bytes alike, tests/readers reads each of these files, and more damage.
@pytest.mark.parametrize(
    ("batch", "copies"),
    [(batch, 0 if batch else DAMAGED) for batch in range(0, BATCHES, 3)]
    + [pytest.param(batch, DAMAGED, marks=pytest.mark.prove) for batch in range(1, BATCHES)],
)
def test_files_and_their_damaged_copies_are_filed(world: World, batch: int, copies: int) -> None:
    chance, others = random.Random(batch), list(FILES.values())
    with read_here():
        for number, name in enumerate(sorted(CORPUS)[batch::BATCHES]):
            damaged = [mutated(CORPUS[name], chance.choice(others), chance) for _ in range(copies)]
            for copy, data in enumerate([CORPUS[name], *filter(None, damaged)]):
                try:
                    assert_filed(world, data, 10 * number + copy)
                except Exception as error:
                    raise AssertionError(f"copy {copy} of {name}") from error


def test_there_are_hundreds_of_files() -> None:
    assert len(CORPUS) * (1 + DAMAGED) > 400
