"""Starting, stopping and starting again; and the one clear line for everything that can be in the way."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import checks, processes
from local.problem import Problem
from local.settings import HOST, REPOSITORY, Settings
from tests.embedded import EmbeddedAws, eventually, free_port, settings_for
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)


def run(command: str, settings: Settings, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        "CAREFILE_HOME": str(settings.home),
        "CAREFILE_PORT": str(settings.port),
        "CAREFILE_CONSOLE_PORT": str(settings.console_port),
    }
    return subprocess.run(
        [sys.executable, "-m", "local", command],
        cwd=REPOSITORY,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_what_it_holds_survives_a_restart_and_still_reacts(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    try:
        processes.start(settings)
        aws = EmbeddedAws(settings)
        bucket = stubs.bucket(aws)
        queue = stubs.events_of(aws, {"source": ["aws.s3"]})
        machine = stubs.machine(
            aws, {"Try": stubs.invoke_state(stubs.function(aws, "def handler(e, c): return 7"), End=True)}
        )
        s3 = aws.client("s3")
        first = s3.put_object(Bucket=bucket, Key="one.txt", Body=b"one", Metadata={"a": "b"}, Tagging="c=d")
        s3.put_object(Bucket=bucket, Key="one.txt", Body=b"two")
        stubs.next_event(aws, queue)
        assert processes.stop(settings)

        processes.start(settings)
        old = {"Bucket": bucket, "Key": "one.txt", "VersionId": first["VersionId"]}
        assert s3.get_object(**old)["Body"].read() == b"one"
        assert s3.head_object(**old)["Metadata"] == {"a": "b"}
        assert s3.get_object_tagging(**old)["TagSet"] == [{"Key": "c", "Value": "d"}]
        s3.put_object(Bucket=bucket, Key="three.txt", Body=b"three")
        eventually(lambda: stubs.next_event(aws, queue)["detail"]["object"]["key"] == "three.txt")
        started = aws.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
        assert aws.finished(started["executionArn"])["output"] == "7"
    finally:
        processes.stop(settings)


def test_after_a_crash_it_starts_again_from_what_was_saved(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    try:
        before = processes.start(settings)
        aws = EmbeddedAws(settings)
        bucket = stubs.bucket(aws)
        processes.save(before)
        eventually(lambda: bucket in saved(settings, "s3"))
        aws.client("s3").put_object(Bucket=bucket, Key="after-the-save.txt", Body=b"x")
        os.kill(before.aws_pid, signal.SIGKILL)
        os.waitpid(before.aws_pid, 0)

        assert processes.start(settings).aws_pid != before.aws_pid
        assert aws.client("s3").get_object(Bucket=bucket, Key="after-the-save.txt")["Body"].read() == b"x"
    finally:
        processes.stop(settings)


def saved(settings: Settings, service: str) -> str:
    path = settings.state / "services" / f"{service}.json"
    return path.read_text() if path.exists() else ""


def test_starting_twice_keeps_the_one_that_runs(bare_aws: EmbeddedAws) -> None:
    running = processes.find(bare_aws.settings)
    assert running is not None
    assert processes.start(bare_aws.settings) == running


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=free_port(), console_port=free_port())
    try:
        running = processes.start(settings)
        assert running.console_pid is not None
        assert listeners(running.aws_pid) == {(HOST, settings.port)}
        assert listeners(running.console_pid) == {(HOST, settings.console_port)}
    finally:
        processes.stop(settings)


def listeners(pid: int) -> set[tuple[str, int]]:
    inodes = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                numeric = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if table == "tcp" else address
                found.add((numeric, int(port, 16)))
    return found


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with socket.socket() as other:
        other.bind((HOST, settings.port))
        other.listen()
        done = run("up", settings)
    assert done.returncode == 1
    assert f"carefile: port {settings.port} is taken by another program" in done.stderr
    assert f"make up CAREFILE_PORT={settings.port + 100}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_node_is_named(tmp_path: Path) -> None:
    done = run("up", settings_for(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("carefile: Node.js is missing")
    assert "install Node.js 20" in done.stderr


def test_an_old_node_is_named(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.19.0\n")
    node.chmod(0o755)
    done = run("check", settings_for(tmp_path), PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.stderr.startswith("carefile: Node.js v18.19.0 is too old: 20 or newer is needed")


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(Problem, match=r"Python 3\.9 is too old: 3\.11 or newer is needed"):
        checks.python()


def test_a_missing_set_up_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "PYTHON", tmp_path / "python")
    with pytest.raises(Problem) as problem:
        checks.environments()
    assert problem.value.remedy == "run `make setup`"


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    done = run("status", settings_for(tmp_path), CAREFILE_PORT="http")
    assert done.stderr.startswith("carefile: CAREFILE_PORT is 'http', not a port number")


def test_status_says_when_nothing_runs(tmp_path: Path) -> None:
    done = run("status", settings_for(tmp_path))
    assert (done.returncode, done.stderr) == (
        1,
        "carefile: the embedded AWS is not running\n  to do: start it with `make up`\n",
    )


def test_a_second_starter_is_told_to_wait(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with settings.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("up", settings)
    assert done.returncode == 1
    assert "is running here" in done.stderr


def test_a_stale_run_file_never_stops_somebody_elses_process(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        settings.run_file.write_text(
            json.dumps({"aws_pid": stranger.pid, "port": 1, "console_pid": stranger.pid, "console_port": 2})
        )
        done = run("down", settings)
        assert (done.returncode, done.stdout) == (0, "Nothing is running.\n")
        assert stranger.poll() is None
        assert not settings.run_file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_run_file_counts_as_nothing_running(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    settings.run_file.write_text('{"aws_pid": ')
    assert processes.find(settings) is None
