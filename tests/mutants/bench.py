"""`python -m tests.mutants.bench FOLDER…`: collects tests once, and runs any of them in a fork whenever it is asked.

A request and its answer are a line of JSON each. A fork begins as the collection left it, so no test sees what another
one cached. In a fork a breakage is put into functions that exist already; what runs at import is imported anew.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import boto3
import coverage
import pytest
from moto import mock_aws

PARTS = {"core": "carefile/core", "intake": "lambdas/intake", "adapters": "lambdas/adapters"}
SCHEDULES = "schedules"
_OPTIONS = ("-n", "0", "-q", "-s", "-p", "no:cacheprovider")
_MEMORY = 8 << 30  # a breakage may fill a list for ever
Json = dict[str, Any]


def allowed(seconds: float) -> float:
    """How long a test may take that took so many seconds: what hangs is noticed."""
    return 10 + 10 * seconds


class Chosen:
    """Runs the chosen tests of a session in their order, and stops at the first that fails."""

    def __init__(self, names: dict[str, float]) -> None:
        self.names = names
        self.failed: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for name in self.names.keys() & items.keys() if not self.failed else ():
            items[name].add_marker(pytest.mark.timeout(allowed(self.names[name])), append=False)
        for name in self.names:
            if name in items and not self.failed:
                item = items[name]
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True


class Bench(Chosen):
    """Answers requests as long as any come, once the tests are collected."""

    def __init__(self, root: Path, answers: Any) -> None:
        super().__init__({})
        self.root, self.answers = root, answers
        # The schedules run the functions in greenlets.
        self.coverage = coverage.Coverage(
            data_file=None,
            config_file=False,
            concurrency=["thread", "greenlet"],
            include=[f"{root / folder}/*" for folder in PARTS.values()],
        )
        self.coverage.start()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        _warm_up(self.root)
        self.coverage.stop()
        self.session = session
        gc.unfreeze()  # or the functions could not be found
        self.functions = [it for it in gc.get_objects() if isinstance(it, FunctionType)]
        gc.freeze()
        self._say({"tests": [item.nodeid for item in session.items], "at_import": self._lines()})
        for line in sys.stdin:
            request = json.loads(line)
            work = self._measure if "measure" in request else self._try
            self._say(
                _in_fork(lambda work=work, request=request: work(**request), request.get("seconds", 600))
            )
        return True

    def _say(self, answer: Json) -> None:
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()

    def _lines(self) -> dict[str, list[int]]:
        data, skipped = self.coverage.get_data(), len(str(self.root)) + 1
        return {path[skipped:]: sorted(data.lines(path) or ()) for path in data.measured_files()}

    def _measure(self, measure: str) -> Json:
        """Whether a test passes, how long it takes, and which lines it executes."""
        self.coverage.erase()
        self.coverage.start()
        began = time.monotonic()
        failed, known = self._first_failing({measure: 60}, "")
        taken = time.monotonic() - began
        self.coverage.stop()
        return {"passed": failed is None, "known": known, "seconds": round(taken, 3), "lines": self._lines()}

    def _try(self, tests: dict[str, float], anew: bool, known: str, seconds: float, **broken: Any) -> Json:
        """The first of the tests that fails with something broken."""
        if not anew and self._put(**broken):
            return {"failed": self._first_failing(tests, known)[0]}
        ours = {it.name for it in self.root.iterdir()}
        for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
            del sys.modules[name]
        chosen = Chosen(tests)
        files = sorted({name.partition("::")[0] for name in tests} - {SCHEDULES})
        if files and pytest.main([*_OPTIONS, *files], plugins=[chosen]) not in (0, 1) and not chosen.failed:
            chosen.failed = files[0]  # it could not even be imported
        return {"failed": chosen.failed or (SCHEDULES if _schedules(tests, known) and known else None)}

    def _first_failing(self, tests: dict[str, float], known: str) -> tuple[str | None, str]:
        self.names, self.failed = tests, None
        super().pytest_runtestloop(self.session)
        broken = "" if self.failed else _schedules(tests, known)
        return self.failed or (SCHEDULES if broken and known else None), broken

    def _put(self, path: str, source: str, broken: str, function: str, which: int) -> bool:
        """Whether the function is there, and has its broken code now."""
        file = str(self.root / path)
        old, new = (
            _codes(compile(text, file, "exec", dont_inherit=True), function)[which]
            for text in (source, broken)
        )
        place = (file, function, old.co_firstlineno)
        found = [it for it in self.functions if _place(it.__code__) == place]
        for it in found:
            if it.__code__.co_freevars != new.co_freevars:
                return False
            it.__code__ = new
        return bool(found)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _codes(code: CodeType, name: str) -> list[CodeType]:
    """The functions of that name, in the order of their lines."""
    inner = [it for it in code.co_consts if isinstance(it, CodeType)]
    return [found for it in inner for found in ([it] if it.co_qualname == name else _codes(it, name))]


def _schedules(tests: dict[str, float], known: str) -> str:
    """The seeds that break a promise, or the first that is not known to; none where they are not asked."""
    if SCHEDULES not in tests:
        return ""
    signal.alarm(int(allowed(tests[SCHEDULES])))
    from tests.mutants.schedules import broken

    try:
        seeds = broken(frozenset(map(int, known.split(","))) if known else frozenset())
    except Exception:
        if not known:
            raise
        return "none could be run"
    signal.alarm(0)
    return ",".join(map(str, seeds))


def _in_fork(work: Callable[[], Json], seconds: float) -> Json:
    """What a fork makes of it; `over` where the time was up first, and where it dies something has failed."""
    receiving, sending = os.pipe()
    if not (child := os.fork()):
        os.setpgid(0, 0)
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        try:
            answer = work()
        except BaseException as error:
            answer = {"failed": f"{type(error).__name__}"}
        with os.fdopen(sending, "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps(answer) + "\n")
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, encoding="utf-8") as pipe:
        over = not select.select([pipe], [], [], seconds)[0]
        said = "" if over else pipe.readline()
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {"over": over, "failed": "crash" if not over and not said else None} | (
        json.loads(said) if said else {}
    )


def _warm_up(root: Path) -> None:
    """Load once what each fork would load otherwise: readers, and what boto3 and moto read at a first call."""
    for path in sorted((root / "lambdas").rglob("*.py")):
        with contextlib.suppress(ImportError):  # a test asks for it where it is there
            importlib.import_module(path.relative_to(root).with_suffix("").as_posix().replace("/", "."))
    with contextlib.suppress(ImportError):
        importlib.import_module("carefile.page.render").template("page.html.jinja")
    with mock_aws():
        at = {"region_name": "us-east-1"}
        services = ("s3", "dynamodb", "events", "secretsmanager", "stepfunctions", "sqs")
        s3, dynamodb, *_ = [boto3.client(service, **at) for service in services]
        s3.create_bucket(Bucket="one")
        s3.put_object(Bucket="one", Key="a", Body=b"", Tagging="a=b", Metadata={"a": "b"})
        s3.copy_object(Bucket="one", Key="b", CopySource={"Bucket": "one", "Key": "a"})
        s3.get_object(Bucket="one", Key="b")
        s3.list_object_versions(Bucket="one")
        with contextlib.suppress(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="one", Key="c")
        key = {"AttributeName": "k"}
        dynamodb.create_table(
            TableName="one",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[key | {"AttributeType": "S"}],
            KeySchema=[key | {"KeyType": "HASH"}],
        )
        item = {"Key": {"k": {"S": "a"}}, "TableName": "one"}
        dynamodb.update_item(
            **item, UpdateExpression="SET b = :b", ExpressionAttributeValues={":b": {"N": "1"}}
        )
        dynamodb.get_item(**item)


def main(folders: list[str]) -> None:
    """What tests print goes nowhere: the answers have the output for themselves."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    if not os.environ.get("CAREFILE_MUTANTS_LOUD"):
        os.dup2(nowhere, 2)
    bench = Bench(Path.cwd(), answers)
    pytest.main([*_OPTIONS, *folders], plugins=[bench])


if __name__ == "__main__":
    main(sys.argv[1:])
