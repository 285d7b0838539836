"""The demo, run as a person runs it, with its output in a file instead of a terminal."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
import rich.console

from local import commands, moving, processes
from local.demo import view as demo_view
from local.demo.intakes import Ended, Upload
from local.settings import REPOSITORY
from tests.embedded import EmbeddedAws, settings_for

SAMPLES = json.loads((REPOSITORY / "samples" / "uploads.json").read_text())


@pytest.mark.submission
@pytest.mark.timeout(300)
def test_the_demo_shows_every_sample_the_layout_an_event_and_the_way_on(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    own = {"CAREFILE_HOME": str(settings.home), "CAREFILE_PORT": str(settings.port)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "local", "demo"],
            cwd=REPOSITORY,
            env={**os.environ, **own, "CAREFILE_CONSOLE_PORT": "0"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:] + done.stderr
        shown = done.stdout

        assert f"{len(SAMPLES)} of {len(SAMPLES)} have ended" in shown
        assert rows_saying("cataloged", shown) == len(SAMPLES) - 1
        assert re.search(r"empty_scan\.pdf .* failed, expected", shown)
        assert "the object holds no bytes" in shown
        assert shown.count("unknown: conflict") == 2
        assert "├── Juan_Perez_123_lab_report/  original.pdf" in shown
        assert "message_0.json … message_5.json (6 files)" in shown
        assert re.search(r"^ +detail-type +Object Cataloged$", shown, re.MULTILINE)
        assert re.search(rf"^ +source +\S+/{SAMPLES[0]['key']}$", shown, re.MULTILINE)
        assert re.search(r"Ana_Ruiz_798/lab\.pdf +unknown: unlisted +did you mean Ana_Ruiz_789\?", shown)
        assert re.search(
            r"letter\.txt +unknown: Juan_Perez_123\? +agrees: identifier, name, birth date", shown
        )
        assert re.search(r"merge of Maria_Lopez_465 +Maria_Lopez_456 +1 object moved", shown)
        assert "make down" in shown
        page = Path(re.findall(r"file://(\S+/result\.html)", shown)[0])
        assert "<html" in page.read_text()
        assert page.parent.stat().st_mode & 0o777 == 0o700
        command = f"CAREFILE_HOME={settings.home} .venv/bin/carefile"
        tried = shown[shown.index("Three commands to try") :]
        assert re.findall(rf"^  {command} (\w+)", tried, re.MULTILINE) == ["put", "open", "show"]
        *_, first, second, nothing, address, again = (line.strip() for line in shown.rstrip().splitlines())
        assert [first, second, nothing] == ["scan.png", "documents/Juan_Perez_123/referral.txt", ""]
        assert again.endswith(f"{command} inbox")
        page = opened(address)
        assert "scan.png" in page
        assert "referral.txt" in page
        assert_nothing_is_left_of_the_listening(EmbeddedAws(settings))
        processes.stop(settings)
        with pytest.raises(OSError, match="refused"):
            opened(address)
    finally:
        processes.stop(settings)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_asked_to_it_shows_how_scans_are_read(tmp_path: Path) -> None:
    pytest.importorskip("tesserocr")
    settings = settings_for(tmp_path)
    own = {"CAREFILE_HOME": str(settings.home), "CAREFILE_PORT": str(settings.port)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "local", "demo", "--scans"],
            cwd=REPOSITORY,
            env={**os.environ, **own, "CAREFILE_CONSOLE_PORT": "0"},
            capture_output=True,
            text=True,
            timeout=840,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:] + done.stderr
        shown = done.stdout
        assert re.search(r"fax_of_three_pages\.tiff +Ana_Ruiz_789 +3 +\d{2,3} +[789]\d", shown)
        assert re.search(r"photo_of_a_form\.jpg +Juan_Perez_123 +1 +\d{2} +[789]\d", shown)
        assert re.search(r"mixed\.pdf +Maria_Lopez_456 +1 +\d{2} +[789]\d", shown)
    finally:
        processes.stop(settings)


def opened(address: str) -> str:
    """The page that a browser shows which opens an address, with the cookie that it is given there."""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\S+", address)
    with build_opener(HTTPCookieProcessor()).open(address, timeout=30) as answer:
        return answer.read().decode()


def rows_saying(disposition: str, shown: str) -> int:
    """How many objects have the disposition: a row of a session's folder says `× n`."""
    counts = re.findall(rf"\b{disposition}(?: × (\d+))? +\d+\.\d s *$", shown, re.MULTILINE)
    return sum(int(count or 1) for count in counts)


def assert_nothing_is_left_of_the_listening(aws: EmbeddedAws) -> None:
    bus = aws.outputs["CatalogBusName"]
    rules = aws.client("events").list_rules(EventBusName=bus)["Rules"]
    assert not [rule for rule in rules if rule["Name"].endswith("-demo")]
    assert not [url for url in aws.client("sqs").list_queues().get("QueueUrls", []) if url.endswith("-demo")]


def ended(expect: str | None, **execution: object) -> Ended:
    now = datetime.now(UTC)
    times = {"startDate": now, "stopDate": now + timedelta(seconds=1)}
    return Ended(Upload(Path("x"), "x", {}, expect), "1", {**times, **execution})


@pytest.mark.parametrize(
    ("one", "as_expected"),
    [
        (ended(None, status="SUCCEEDED", output='{"disposition": "cataloged"}'), True),
        (ended(None, status="SUCCEEDED", output='{"disposition": "superseded"}'), False),
        (ended(None, status="FAILED", error="StorageDenied"), False),
        (ended("RejectedObject", status="FAILED", error="RejectedObject"), True),
        (ended("RejectedObject", status="FAILED", error="InternalError"), False),
        (ended("RejectedObject", status="SUCCEEDED", output='{"disposition": "cataloged"}'), False),
    ],
)
def test_an_upload_is_as_expected_when_it_is_cataloged_or_fails_by_the_name_it_must(
    one: Ended, as_expected: bool
) -> None:
    assert one.as_expected is as_expected


def test_the_reason_of_a_failure_is_the_sentence_a_person_reads() -> None:
    cause = {"errorMessage": "empty-object: the object holds no bytes", "errorType": "RejectedObject"}
    assert ended(None, status="FAILED", cause=json.dumps(cause)).reason == "the object holds no bytes"
    assert ended(None, status="FAILED", error="States.Timeout").reason == "States.Timeout"


def test_a_long_key_is_shortened_in_the_middle() -> None:
    assert demo_view.shortened("documents/A/lab.pdf", 30) == "documents/A/lab.pdf"
    assert demo_view.shortened("documents/Juan_Perez_123/lab_report.pdf", 20) == "docum…lab_report.pdf"


@pytest.mark.parametrize(("width", "kinds"), [(80, 0), (100, 1)])
def test_a_key_and_the_reason_of_a_failure_are_readable_at_any_width(width: int, kinds: int) -> None:
    cause = json.dumps({"errorMessage": "empty-object: the object holds no bytes; upload the file again"})
    key, out = "documents/Juan_Perez_123/empty.pdf", rich.console.Console(width=width, file=io.StringIO())
    failed = ended("RejectedObject", status="FAILED", error="RejectedObject", cause=cause)
    out.print(
        demo_view.results(
            out, [dataclasses.replace(failed, upload=Upload(Path("x"), key, {}, "RejectedObject"))]
        )
    )
    head, row, _, *reason = out.file.getvalue().rstrip().splitlines()  # type: ignore[attr-defined]
    assert head.split().count("kind") == kinds
    assert row.split()[0].endswith("Perez_123/empty.pdf")
    assert " ".join(reason).startswith(f"{key}: the object holds no bytes; upload the file")


EVENT = {
    "detail-type": "Object Cataloged",
    "detail": {
        "event_id": "e-1",
        "revision": 3,
        "disposition": "cataloged",
        "kind": "document",
        "patient": {"status": "unknown", "reason": "conflict"},
        "location": {"prefix": "processed/unknown_scan/", "objects": [{}, {}, {}, {}]},
        "source": {"bucket": "landing", "key": f"documents/{'x' * 200}.pdf"},
        "evidence": [
            {"about": "patient", "source": "key", "used": True},
            {"about": "patient", "source": "metadata", "used": False},
        ],
    },
}


def test_the_event_is_summed_up_and_shown_as_a_whole_where_asked_for() -> None:
    out = demo_view.console()
    with out.capture() as captured:
        demo_view.event(out, EVENT, whole=False)
    lines = [line.strip() for line in captured.get().splitlines() if line.strip()]
    assert len(lines) < 12
    for words in (
        "unknown (conflict)",
        "revision 3",
        "patient from key",
        "processed/unknown_scan/, 4 objects",
    ):
        assert any(words in line for line in lines), words
    assert not any("metadata" in line for line in lines)
    with out.capture() as captured:
        demo_view.event(out, EVENT, whole=True)
    assert json.loads(captured.get()) == EVENT


def test_a_longer_step_says_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(moving, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(moving, "LOG_EVERY_SECONDS", 1)
    with moving.moving("Deploying"):
        time.sleep(1.2)
    assert capsys.readouterr().out.splitlines() == ["Deploying …", "  … 1 s"]


@pytest.mark.skipif(shutil.which("script") is None, reason="needs a terminal to write on")
@pytest.mark.parametrize("code", [0, 3])
def test_what_installs_packages_shows_the_time_and_keeps_its_exit_code(code: int) -> None:
    command = ["sh", "local/ticking.sh", "Installing", "sh", "-c", f"sleep 3; exit {code}"]
    done = subprocess.run(["script", "-qec", " ".join(map(shlex.quote, command)), "/dev/null"], cwd=REPOSITORY,
                          capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
    assert (done.returncode, bool(re.search(r"Installing … \d s", done.stdout))) == (code, True)
    assert ("done in" in done.stdout) is (code == 0)


def test_the_status_is_of_the_port_that_it_runs_on_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "find", lambda _: processes.Running(1, 47_001, None, 47_002))
    asked = []
    names = ("LandingBucketName", "ProcessedBucketName", "PipelineStateMachineArn")
    outputs = dict.fromkeys(names, "x")
    monkeypatch.setattr(commands.deployment, "stack_outputs", lambda it: asked.append(it.port) or outputs)
    assert commands.status(settings_for(tmp_path)) == 0
    assert asked == [47_001]
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:47001 " in capsys.readouterr().out


def test_clean_stops_what_runs_and_never_says_that_its_data_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(tmp_path / "home")
    settings.state.mkdir(parents=True)
    # A stand-in whose command line is that of the embedded AWS of this home.
    asleep = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    stand_in = [sys.executable, "-c", asleep, "local.embedded.server", str(settings.home)]
    with subprocess.Popen(stand_in, stdout=subprocess.PIPE, start_new_session=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        settings.run_file.write_text(
            json.dumps(dataclasses.asdict(processes.Running(running.pid, 1, None, 2)))
        )
        assert commands.clean(settings) == 0
        running.wait(10)  # although it would go on for a minute, saving
    assert capsys.readouterr().out.splitlines() == ["Stopped.", f"Deleted {settings.home}."]
    assert not settings.home.exists()
    target = re.search(r"^clean:(.*?)(##.*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert target is not None
    assert not target[1].strip(), "what another target prints is not true of this one"


def test_clean_deletes_what_the_embedded_aws_keeps_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(tmp_path / "home")
    for folder in (settings.state, settings.logs, settings.console, settings.scratch, settings.pages):
        folder.mkdir(parents=True)
        (folder / "held").write_text("x")
    for file in (settings.run_file, settings.deployed_file, settings.home / "deployed.local-listed.json"):
        file.write_text("{}")
    (settings.home / "cdk.out.local-listed").mkdir()
    (settings.home / "letters.txt").write_text("mine")
    assert commands.clean(settings) == 0
    assert [path.name for path in settings.home.iterdir()] == ["letters.txt"]
    assert "is kept: it holds letters.txt" in capsys.readouterr().out
    (settings.home / "letters.txt").unlink()
    assert commands.clean(settings) == 0
    assert not settings.home.exists()
    assert commands.clean(settings) == 0
