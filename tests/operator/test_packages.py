"""The wheel and the source package: what is in them, that they build to the same bytes, and that the command needs no
checkout."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import threading
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import carefile
from carefile.cli import checkout, rule_table
from carefile.cli.aws import local_aws
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable
from tests.embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RULES = (ROOT / "rules" / "default.json").read_bytes()
PARTS = {"lambdas", "infrastructure", "local", "benchmarks", "supply_chain", "tests"}


def build(into: Path) -> dict[str, bytes]:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(into)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1750000000"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
    return {path.name: path.read_bytes() for path in into.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.mark.prove
def test_two_builds_are_equal_byte_for_byte(built: dict[str, bytes], tmp_path: Path) -> None:
    version = carefile.__version__
    assert built.keys() == {f"carefile-{version}-py3-none-any.whl", f"carefile-{version}.tar.gz"}
    assert build(tmp_path / "again") == built


def test_the_wheel_holds_the_library_and_the_command_and_nothing_else(built: dict[str, bytes]) -> None:
    (wheel,) = (body for name, body in built.items() if name.endswith(".whl"))
    names = zipfile.ZipFile(io.BytesIO(wheel)).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "carefile",
        f"carefile-{carefile.__version__}.dist-info",
    }
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "carefile").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("carefile/")} == ours - {"carefile/events/generate.py"}
    assert "carefile/py.typed" in names


@pytest.mark.prove
def test_the_source_package_builds_the_same_wheel(built: dict[str, bytes], tmp_path: Path) -> None:
    (source,) = (body for name, body in built.items() if name.endswith(".tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(source)) as package:
        package.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(tmp_path / "dist"),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1750000000"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").iterdir()
    assert wheel.read_bytes() == built[wheel.name]


def test_the_dependencies_are_what_the_library_imports_and_hold_the_pinned_versions() -> None:
    imported = {name for path in (ROOT / "carefile").rglob("*.py") for name in foreign(path)}
    of = packages_distributions()
    declared = {item.name: item for item in map(Requirement, PROJECT["dependencies"])}
    needed = {min(of[name], key=len).lower() for name in imported - {"botocore"}}  # it is boto3's own part
    assert needed == declared.keys()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name, item in declared.items():
        (pinned,) = re.findall(rf"^{name}==(\S+)", lock, re.MULTILINE)
        assert item.specifier.contains(pinned), (name, pinned)
        assert "<" in str(item.specifier)
        assert ">=" in str(item.specifier)


def foreign(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        first = {name.partition(".")[0] for name in names}
        yield from first - set(sys.stdlib_module_names) - {"carefile", "local"}


def test_nothing_of_a_checkout_is_imported_without_one(tmp_path: Path) -> None:
    """A copy beside a package `local` of somebody else, as in another program's environment."""
    shutil.copytree(ROOT / "carefile", tmp_path / "carefile", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "__init__.py").write_text("raise RuntimeError('somebody else')")
    check = (
        f"import sys; sys.path[:] = [{str(tmp_path)!r}] + [it for it in sys.path if it != {str(ROOT)!r}]\n"
        "from typer.testing import CliRunner; from carefile.cli.app import app\n"
        "runs = CliRunner().invoke(app, ['runs']); doctor = CliRunner().invoke(app, ['doctor', '--before-deploy'])\n"
        "import json; names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps([sorted(names), runs.exit_code, runs.stderr, doctor.exit_code, doctor.stderr]))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CAREFILE_"))}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", check],
        cwd=tmp_path,
        env=kept | nowhere,
        check=True,
        capture_output=True,
        text=True,
    )
    names, code, runs, of_doctor, doctor = json.loads(done.stdout)
    assert not PARTS & set(names)
    assert (code, of_doctor) == (2, 2)
    assert "carefile: no AWS credentials found" in runs
    assert "`make up` in a clone of Carefile" in runs
    assert "carefile: doctor --before-deploy needs a checkout of Carefile" in doctor


class Served(BaseHTTPRequestHandler):
    """S3 as it serves a package: in parts, where it is asked to and `ranges` is set."""

    ranges = True
    sent: list[int]
    body: bytes

    def do_GET(self) -> None:
        start, end = 0, len(self.body)
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if self.ranges and part:
            start = int(part[1]) if part[1] else len(self.body) - int(part[2])
            end = int(part[2]) + 1 if part[1] and part[2] else len(self.body)
        self.send_response(206 if self.ranges else 200)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(self.body)}")
        self.end_headers()
        self.wfile.write(self.body[start:end])
        self.sent.append(end - start)

    def log_message(self, *_: Any) -> None: ...


@pytest.mark.parametrize("ranges", [True, False], ids=["in parts", "whole"])
def test_without_a_checkout_the_rules_are_those_of_the_deployed_functions(
    ranges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = json.loads(RULES)
    changed["ignore"] = ["*.only-here"]
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("lambdas/large.bin", os.urandom(3_000_000))
        package.writestr("rules/default.json", json.dumps(changed))
    handler = type("Handler", (Served,), {"ranges": ranges, "sent": [], "body": body.getvalue()})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(rule_table, "checkout", lambda: None)
    monkeypatch.delenv("CAREFILE_RULES", raising=False)
    try:
        rules = rule_table.rules_of(Deployed(f"http://127.0.0.1:{server.server_port}/package"))  # type: ignore[arg-type]
    finally:
        server.shutdown()
        server.server_close()
    assert rules == RuleTable.from_json(changed)
    sent: list[int] = handler.sent  # type: ignore[attr-defined]
    assert (sum(sent) < 200_000) is ranges


class Deployed:
    """What of a connection the rules are found by."""

    def __init__(self, address: str) -> None:
        self.address = address

    def function(self, name: str) -> str:
        return name

    def client(self, service: str) -> Any:
        assert service == "lambda"
        return self

    def get_function(self, **asked: str) -> dict[str, dict[str, str]]:
        assert asked == {"FunctionName": "ClassifyObject"}
        return {"Code": {"Location": self.address}}


def test_a_rule_file_can_be_named_and_one_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.json").write_bytes(RULES)
    monkeypatch.setenv("CAREFILE_RULES", str(tmp_path / "own.json"))
    assert rule_table.rules_of(Deployed("")) == RuleTable.from_json(json.loads(RULES))  # type: ignore[arg-type]
    monkeypatch.setenv("CAREFILE_RULES", str(tmp_path / "missing.json"))
    with pytest.raises(Problem) as refused:
        rule_table.rules_of(Deployed(""))  # type: ignore[arg-type]
    assert "missing.json" in refused.value.what
    monkeypatch.delenv("CAREFILE_RULES")
    monkeypatch.setattr(rule_table, "checkout", lambda: None)
    with pytest.raises(Problem) as refused:
        rule_table.rules_of(Deployed("s3://"))  # type: ignore[arg-type]
    assert "CAREFILE_RULES" in refused.value.to_do


def test_an_installed_package_looks_for_no_embedded_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkout.checkout() == ROOT
    monkeypatch.setattr(local_aws, "checkout", lambda: None)
    monkeypatch.setenv("CAREFILE_HOME", str(ROOT))
    assert local_aws.find() is None


@pytest.mark.prove
def test_what_is_installed_into_an_empty_environment_works_from_another_folder(
    built: dict[str, bytes], tmp_path: Path, deployed_aws: EmbeddedAws
) -> None:
    for name, body in built.items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "carefile-note.txt").write_text("nothing of note")
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    install += ["--constraint", str(ROOT / "requirements.lock")]
    subprocess.run([*install, str(next(tmp_path.glob("*.whl")))], check=True, timeout=300)
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CAREFILE_", "PYTHON"))
    }
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)}
    environment = kept | nowhere
    command = str(home / "bin" / "carefile")
    assert run([command, "--version"], env=environment).stdout == f"carefile {carefile.__version__}\n"
    assert "Every day:" in run([command, "--help"], env=environment).stdout
    assert "needs a checkout" in run([command, "doctor", "--before-deploy"], env=environment).stderr
    refused = run([command, "runs"], env=environment)
    assert (refused.returncode, "no AWS credentials found" in refused.stderr) == (2, True)
    there = environment | deployed_aws.settings.credentials
    listed = run([command, "runs", "--json"], env=there)
    assert (listed.returncode, "on this machine" in run([command, "runs"], env=there).stderr) == (0, True)
    put = run([command, "put", "carefile-note.txt", "--patient", "Ana_7", "--wait"], env=there)
    assert (put.returncode, "processed/Ana_7_carefile-note/" in put.stdout) == (0, True), put.stderr
    every = (
        "import pkgutil, sys, carefile\nfor it in pkgutil.walk_packages(carefile.__path__, 'carefile.'):\n"
    )
    every += "    it.name.endswith('__main__') or __import__(it.name)\nprint(*sys.modules)"
    loaded = run([str(python), "-c", every], env=environment)
    assert loaded.returncode == 0, loaded.stderr
    assert not PARTS & {name.partition(".")[0] for name in loaded.stdout.split()}
    typed = tmp_path / "consumer.py"
    typed.write_text("import carefile\nfrom carefile.events import announcement\nreveal_type(announcement)\n")
    check = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "consumer.py"]
    assert "Revealed type" in run([*check, "--cache-dir", str(tmp_path / "cache")], env=environment).stdout


def make(recipe: str, venv_at: Path) -> None:
    """Run a macro of the Makefile on an environment of its own."""
    rule = f"try:\n\t@$(call {recipe},{venv_at})"
    command = ["make", "--silent", "--eval", rule, "try", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)


@pytest.mark.prove
def test_the_environment_of_a_checkout_works_where_the_checkout_was_moved_to(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    (wheel,) = (name for name in built if name.endswith(".whl"))
    (tmp_path / wheel).write_bytes(built[wheel])
    before, after = tmp_path / "before", tmp_path / "after"
    make("new_venv", before)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run(
        [*install, "--python", str(before / "bin" / "python"), str(tmp_path / wheel)], check=True, timeout=60
    )
    before.rename(after)
    make("settled", after)
    scripts = [path for path in (after / "bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert "carefile" in [path.name for path in scripts]
    assert not [path.name for path in scripts if str(before) in path.read_text(errors="replace")]
    assert str(after) in (after / "bin" / "activate").read_text()
    check = "import sys, carefile; print(sys.prefix, carefile.__version__)"
    done = subprocess.run(
        [after / "bin" / "python", "-c", check], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [str(after), carefile.__version__]
    with_typer = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    command = [str(after / "bin" / "carefile"), "--version"]
    ran = subprocess.run(command, env=with_typer, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout == f"carefile {carefile.__version__}\n", ran.stderr
