"""The demo's own part with four of its samples: what it prints of them is what became of them. `.ci/run` and
`make prove` run the whole command as a person does (tests/local/test_demo.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from local import processes
from local.demo import run as demo
from local.demo.intakes import Upload
from tests.end_to_end.conftest import Pipeline

ALL = Upload.all_of(demo.SAMPLES)
FEW = [
    next(it for it in ALL if it.key.endswith(name)) for name in ("lab_report.pdf", "referral.txt", "scan.png")
]
FAILING = [it for it in ALL if it.expect]


class NoFurtherStage:
    """In place of the demo's second stage, which is deployed only to be shown."""

    def __init__(self, *_: object) -> None: ...

    def show(self, *_: object) -> Sequence[object]:
        return ()


def test_the_demo_shows_how_each_sample_ended_where_it_was_filed_and_the_way_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = pipeline.aws.settings
    running = processes.find(settings)
    assert running is not None
    monkeypatch.setattr(demo, "ListedPatients", NoFurtherStage)
    monkeypatch.setattr(demo.Upload, "all_of", lambda _: [*FEW, *FAILING])

    assert demo.run(settings, running) == 0

    shown = capsys.readouterr().out
    assert len(re.findall(r"\bcataloged +\d+\.\d s *$", shown, re.MULTILINE)) == len(FEW)
    assert re.search(r"empty_scan\.pdf .* failed, expected", shown)
    assert shown.count("unknown: conflict") == 1
    assert "├── Juan_Perez_123_lab_report/  original.pdf" in shown
    assert re.search(r"^ +detail-type +Object Cataloged$", shown, re.MULTILINE)
    assert re.findall(r"^ +(referral\.txt|\S*scan\.png|documents/\S+/referral\.txt)$", shown, re.MULTILINE)
    assert re.findall(r"carefile (put|open|show) ", shown[shown.index("Three commands to try") :]) == [
        "put",
        "open",
        "show",
    ]
    assert "<html" in (settings.pages / "result.html").read_text()
