"""A long list of patients needs no more memory than a short one, and its time scales linearly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lambdas.adapters.settings import ROOT

# The survey and the comparison of a whole import, against a directory that lists nobody and takes no time.
IMPORT = """
import json, resource, sys, time
from pathlib import Path
from carefile.cli.patients.listed.files import Feed
from carefile.cli.patients.listed.importing import state_all, survey
from carefile.core.patients.entries import Change

class Nobody:
    def get_many(self, ids):
        return {}, set()
    def state(self, *_):
        return Change.NEW, None

feeds = [Feed(Path(sys.argv[1]))]
found = survey(feeds)
counts = state_all(Nobody(), feeds, "import", found.refused)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"new": counts[Change.NEW], "kilobytes": most, "seconds": time.process_time()}))
"""


def imported(folder: Path, patients: int) -> dict[str, float]:
    file = folder / f"{patients}.csv"
    with file.open("w") as out:
        out.write("mrn,name,birth date\n")
        for number in range(patients):
            born = f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}"
            out.write(f"{number:07},Ana Ruiz {'abcdefghij'[number % 10]}{number % 977},{born}\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    assert told["new"] == patients
    return told


@pytest.mark.prove
def test_a_million_patients_need_the_memory_of_fifty_thousand(tmp_path: Path) -> None:
    few, many = imported(tmp_path, 50_000), imported(tmp_path, 1_000_000)
    assert many["kilobytes"] < few["kilobytes"] + 16 * 1024
    assert many["seconds"] < 1.5 * 20 * few["seconds"]
