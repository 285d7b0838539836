"""Starts and stops the background processes: the embedded AWS, its console, and the inbox that the demo opens.

Invariants: one command at a time (a lock); only processes started from this home are ever signalled. Their command
lines are checked, because after a reboot a recorded pid may belong to another program.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from local.problem import Problem
from local.settings import HOST, REGION, REPOSITORY, Settings

PYTHON = REPOSITORY / ".venv-local" / "bin" / "python"
MODULES = {"aws": "local.embedded.server", "console": "local.console"}
# Saving the state takes most of the shutdown.
STOP_SECONDS = 60
START_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """The processes that `up` and `demo` started; kept in the run file until `down`."""

    aws_pid: int
    port: int
    console_pid: int | None
    console_port: int
    inbox_pid: int | None = None


@contextmanager
def exclusive(settings: Settings) -> Iterator[None]:
    """Hold this home's lock, or refuse if another command holds it."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = settings.lock_file.open("w")
    except OSError as error:
        raise Problem(
            f"{settings.home} cannot hold the embedded AWS: {error.strerror}",
            "set CAREFILE_HOME to a folder that you may write to",
        ) from None
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                "another `make up`, `make down` or `make demo` is running here",
                "wait for it to end, then try again",
            ) from None
        yield


def find(settings: Settings) -> Running | None:
    """Find what is running from this home; a stale run file, left by a crash or a reboot, is ignored."""
    try:
        running = Running(**json.loads(settings.run_file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    if not _is_ours(running.aws_pid, settings.home):
        return None
    console, inbox = (
        pid if pid is not None and _is_ours(pid, settings.home) else None
        for pid in (running.console_pid, running.inbox_pid)
    )
    return replace(running, console_pid=console, inbox_pid=inbox)


def start(settings: Settings) -> Running:
    """Start what is not running and wait until it responds."""
    running = find(settings)
    if running is None:
        _must_be_free(settings.port, "CAREFILE_PORT")
        _stop_leftovers(settings)
        shutil.rmtree(settings.scratch, ignore_errors=True)
        # After a crash, orphaned workers may still be writing there, which is why errors are ignored.
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.state, settings.scratch, settings.logs, settings.console):
            _private(folder)
        aws = _spawn(settings, "aws")
        running = Running(aws.pid, settings.port, None, settings.console_port)
        _write(settings, running)
        _wait(f"{settings.endpoint}/_ministack/ready", aws, settings.logs / "aws.log")
    elif running.port != settings.port:
        raise Problem(
            f"it is already running on port {running.port}, not {settings.port}",
            "run `make down` first, or set both CAREFILE_PORT and CAREFILE_HOME for a second one",
        )
    if settings.console_port and running.console_pid is None:
        _must_be_free(settings.console_port, "CAREFILE_CONSOLE_PORT")
        console = _spawn(settings, "console")
        running = replace(running, console_pid=console.pid, console_port=settings.console_port)
        _write(settings, running)
        _wait(f"{settings.console_url}/", console, settings.logs / "console.log")
    return running


def save(running: Running) -> None:
    """Make the embedded AWS save its state now, so that a crash does not lose the deployment."""
    os.kill(running.aws_pid, signal.SIGUSR1)


def stop(settings: Settings, *, saving: bool = True) -> bool:
    """Stop the processes of this home; False if none were running. Without `saving`, what they hold is given up."""
    running = find(settings)
    if running is None:
        _stop_leftovers(settings)
        settings.run_file.unlink(missing_ok=True)
        return False
    stop_inbox(settings, running)  # first, as it sends what is held
    if running.console_pid is not None:
        _end(running.console_pid, settings.home, seconds=5)
    graceful = _end(running.aws_pid, settings.home, seconds=STOP_SECONDS if saving else 0)
    settings.run_file.unlink(missing_ok=True)
    if saving and not graceful:
        raise Problem(
            f"the embedded AWS did not stop within {STOP_SECONDS} s and was killed; its last changes may be lost",
            f"see {settings.logs / 'aws.log'}; `make clean` resets everything",
        )
    return True


def note_inbox(settings: Settings, pid: int) -> None:
    """Keep the process of an inbox, so that `down` ends it."""
    running = find(settings)
    if running is not None:
        _write(settings, replace(running, inbox_pid=pid))


def stop_inbox(settings: Settings, running: Running) -> None:
    if running.inbox_pid is not None and _is_ours(running.inbox_pid, settings.home):
        _end(running.inbox_pid, settings.home, seconds=10)


def _private(folder: Path) -> None:
    """Create a folder that only its owner can read: it holds records and their names."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def _spawn(settings: Settings, role: str) -> subprocess.Popen[bytes]:
    # A minimal environment: the functions inherit it, and the caller's AWS_PROFILE or AWS_ENDPOINT_URL must not
    # reach them.
    inherited = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT")
    env = {name: os.environ[name] for name in inherited if name in os.environ}
    env |= {
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(settings.scratch),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A console or a function must never find the user's real credentials.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    if role == "aws":
        env |= {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(settings.port),
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(settings.state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(settings.state / "s3"),
            # Invocations queue instead (see local/embedded/mends.py), so none is throttled.
            "LAMBDA_ACCOUNT_CONCURRENCY": "0",
            # The pipeline does not use these listeners.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        # For tests: no waiting between retries, an unpatched emulator, IAM policies enforced on every request, packages
        # unpacked once for several.
        chosen = ("SFN_WAIT_SCALE", "CAREFILE_UNMENDED", "AUTH", "CAREFILE_PACKAGES")
        env |= {name: os.environ[name] for name in chosen if name in os.environ}
    else:
        env |= {
            "STACKPORT_PORT": str(settings.console_port),
            "STACKPORT_ENDPOINTS": f"local={settings.endpoint}",
            "STACKPORT_LEARN": "false",
            "STACKPORT_DATA_DIR": str(settings.console),
            "STACKPORT_SERVICES": "stepfunctions,s3,dynamodb,lambda,events,sqs,logs,monitoring,sns,kms,"
            "secretsmanager,iam,cloudformation",
        }
    with (settings.logs / f"{role}.log").open("ab") as log:
        return subprocess.Popen(
            [PYTHON, "-m", MODULES[role], str(settings.home)],
            cwd=REPOSITORY,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _write(settings: Settings, running: Running) -> None:
    temporary = settings.run_file.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(running)))
    temporary.replace(settings.run_file)


def _is_ours(pid: int, home: Path) -> bool:
    command = _command_line(pid)
    return "local." in command and command.rstrip().endswith(str(home))


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def _end(pid: int, home: Path, seconds: float) -> bool:
    """Terminate a process and wait; False if it had to be killed."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _reap(pid)
        if not _is_ours(pid, home):
            return True
        time.sleep(0.05)
    # It leads its own session, so this also kills its function workers, and nothing else.
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _reap(pid)
    return False


def _reap(pid: int) -> None:
    """Reap the process if it is a child of this one (as in tests), so that no zombie remains."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _stop_leftovers(settings: Settings) -> None:
    """Stop what belonged to an embedded AWS that was killed: its console still holds its port."""
    try:
        told = json.loads(settings.run_file.read_text())
    except (OSError, ValueError):
        return
    for name in ("inbox_pid", "console_pid"):
        if (pid := told.get(name)) and _is_ours(pid, settings.home):
            _end(pid, settings.home, seconds=5)


def _must_be_free(port: int, variable: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Problem(
                f"port {port} is taken by another program",
                f"stop that program, or choose another port: make up {variable}={port + 100}",
            ) from None


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - always http://127.0.0.1
                if answer.status < 300:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
    raise Problem(f"it did not start; its last log line: {last[0]}", f"see the whole log in {log}")
