"""A stage that reads scans has a machine, two functions, a rule and a queue for it; any other has none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infrastructure.functions.package import build_package
from infrastructure.settings.config import ConfigError, StageConfig, stage_config
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

MOST_UNPACKED = 250_000_000  # bytes: Lambda's limit


@pytest.fixture(scope="module")
def reading(synthesise: Synthesise) -> Synthesised:
    return synthesise(ocr="on")


def test_by_default_nothing_is_there_that_reads_scans(synthesise: Synthesise) -> None:
    usual, off = synthesise(), synthesise(ocr="off", ocr_languages=["eng"])

    assert usual.template == off.template
    assert "ReadScan" not in json.dumps(off.template)
    assert '"OCR"' not in json.dumps(off.template)


def test_what_was_there_stays_but_for_one_variable(reading: Synthesised, synthesise: Synthesise) -> None:
    before, after = synthesise().template["Resources"], reading.template["Resources"]

    assert before.keys() <= after.keys()
    changed = {name for name in before if before[name]["Type"] == "AWS::Lambda::Function"}
    for name in changed:
        now, then = after[name]["Properties"], before[name]["Properties"]
        assert now["Code"] == then["Code"]
        environment = dict(now["Environment"]["Variables"])
        environment.pop("OCR", None)
        assert environment == then["Environment"]["Variables"]


def test_a_filed_scan_that_is_to_be_read_starts_the_machine(reading: Synthesised) -> None:
    _, rule = reading.only("AWS::Events::Rule", named="ReadingRule")

    assert rule["EventPattern"] == {
        "source": ["carefile.catalog"],
        "detail-type": ["Object Cataloged"],
        "detail": {"reading": {"status": ["pending"]}},
    }
    (target,) = rule["Targets"]
    assert "ReadScan" in json.dumps(target["Arn"])
    assert "Readings" in json.dumps(target["DeadLetterConfig"])


@pytest.mark.parametrize("name", ["ReadPages", "FileReading"])
def test_each_function_has_one_processor(reading: Synthesised, name: str) -> None:
    function = reading.function(name)

    assert function["MemorySize"] == 1769
    assert function["Environment"]["Variables"]["OCR"] == "on"
    assert function["Environment"]["Variables"]["OCR_LANGUAGES"] == "eng"


def test_a_reading_that_fails_and_one_that_never_started_raise_an_alarm(reading: Synthesised) -> None:
    alarms = set(reading.properties("AWS::CloudWatch::Alarm"))

    assert any("ReadingsFailed" in name for name in alarms)
    assert any("ReadingsDeadLetters" in name for name in alarms)


def test_the_machine_is_an_output(reading: Synthesised) -> None:
    assert "ReadScanStateMachineArn" in reading.outputs()


def test_a_language_without_trained_data_is_refused_in_one_line(tmp_path: Path) -> None:
    def configured(**settings: object) -> StageConfig:
        return stage_config({"stage": "test", "stages": {"test": {"ocr": "on", **settings}}})

    for folder in (None, str(tmp_path)):
        with pytest.raises(ConfigError, match="ocr_languages: no trained data for 'spa'"):
            configured(ocr_languages=["eng", "spa"], trained_data=folder)
    (tmp_path / "spa.traineddata").write_bytes(b"data")
    config = configured(ocr_languages=["eng", "spa"], trained_data=str(tmp_path))
    assert config.trained_data_files == (tmp_path / "spa.traineddata",)


def test_the_package_holds_engine_and_data_and_fits_into_lambda(tmp_path: Path) -> None:
    (tmp_path / "spa.traineddata").write_bytes(b"data")
    config = StageConfig(stage="test", ocr_languages=("eng", "spa"), trained_data=str(tmp_path))

    package = build_package(config, scans=True, build_directory=tmp_path / "build").directory

    held = {path.name for path in (package / "share" / "tessdata").iterdir()}
    assert held == {"eng.traineddata", "osd.traineddata", "spa.traineddata"}
    for name in ("lambdas/scans/child.py", "lambdas/read_pages.py", "carefile/core/documents/scans.py"):
        assert (package / name).is_file(), name
    size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    assert size < MOST_UNPACKED
