"""A folder with more keys than S3 lists in one answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carefile.core.model import Stamp
from lambdas.adapters.processed import Processed
from tests.unit.world import PROCESSED, World

FOLDER = "processed/P_scan/"
STAMP = Stamp("the-source", "v1", 1, "e1")
LISTING = "provide-client-params.s3.ListObjectsV2"


@pytest.fixture(params=[(10, 25), pytest.param((1_000, 1_050), marks=pytest.mark.prove)], ids=["10", "1,000"])
def keys(request: pytest.FixtureRequest, world: World) -> Iterator[int]:
    """How many there are: more than two answers, or one, hold. S3's own hold a thousand (ListObjectsV2)."""
    page, count = request.param
    world.s3.meta.events.register(LISTING, lambda params, **_: params | {"MaxKeys": page}, unique_id=LISTING)
    yield count
    world.s3.meta.events.unregister(LISTING, unique_id=LISTING)


def test_all_of_a_folder_is_retired_however_many_pages_its_list_has(world: World, keys: int) -> None:
    processed = Processed(world.s3, PROCESSED)
    for number in range(keys):
        processed.put(f"{FOLDER}{number:05}.txt", "part", b"x", "text/plain", STAMP, {})
    processed.put(f"{FOLDER}_manifest.json", "manifest", b"{}", "application/json", STAMP, {})
    world.s3.put_object(Bucket=PROCESSED, Key=f"{FOLDER}zzz of somebody else.txt", Body=b"theirs")

    assert processed.retire(FOLDER, STAMP.source_id, {"owner": "the same"}, {})

    assert world.filed(FOLDER) == [f"{FOLDER}_manifest.json", f"{FOLDER}zzz of somebody else.txt"]
    assert world.json(f"{FOLDER}_manifest.json") == {"owner": "the same"}
    assert not processed.retire(FOLDER, STAMP.source_id, {"owner": "the same"}, {})
