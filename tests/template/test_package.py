"""The function package, really built, by the command a user or the embedded AWS would give."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.functions import package
from infrastructure.functions.package import PackageError, build_package
from infrastructure.settings.config import FunctionPlatform, StageConfig
from tests.template.synthesis import Synthesised

# e_machine of an ELF file's header.
AARCH64 = 183


@dataclasses.dataclass(frozen=True)
class Assembly:
    """What `python -m infrastructure.app` wrote for the stage `dev`."""

    directory: Path
    manifest: dict[str, dict[str, dict[str, dict[str, str]]]]

    @property
    def template(self) -> Synthesised:
        return Synthesised(json.loads((self.directory / "Carefile-dev.template.json").read_text()))

    @property
    def package(self) -> Path:
        zipped = [
            it["source"]["path"]
            for it in self.manifest["files"].values()
            if it["source"]["packaging"] == "zip"
        ]
        assert len(zipped) == 1, "all functions share one package"
        return self.directory / zipped[0]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Assembly:
    directory = tmp_path_factory.mktemp("cdk.out")
    (directory / "asset.left-by-an-earlier-run").mkdir()
    command = [sys.executable, "-m", "infrastructure.app", "-c", "stage=dev", "-o", str(directory)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDK_")}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == ""
    return Assembly(directory, json.loads((directory / "Carefile-dev.assets.json").read_text()))


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A project of one function, with nothing to install."""
    for path, text in {
        "lambdas/one.py": "x = 1\n",
        "lambdas/requirements.lock": "",
        "schemas/one.v1.json": "{}",
        "schemas/stage.v1.json": "{}",
        "rules/default.json": '{"rules": "default"}',
        "rules/clinic.json": '{"rules": "clinic"}',
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def files_of(directory: Path) -> Iterator[str]:
    return (path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_on_aws_the_functions_run_on_arm(assembly: Assembly) -> None:
    for function in assembly.template.properties("AWS::Lambda::Function").values():
        assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.14")


def test_every_binary_in_the_package_is_for_arm(assembly: Assembly) -> None:
    binaries = [path for path in assembly.package.rglob("*") if ".so" in path.suffixes]
    assert binaries
    for path in binaries:
        assert int.from_bytes(path.read_bytes()[18:20], "little") == AARCH64, path.name


def test_the_package_holds_code_schemas_rules_and_dependencies(assembly: Assembly, project: Path) -> None:
    held = set(files_of(assembly.package))
    for pattern in ("carefile/core/**/*.py", "carefile/page/*.*", "lambdas/**/*.py", "schemas/*.json"):
        expected = {path.relative_to(project).as_posix() for path in project.glob(pattern)}
        expected -= {"schemas/stage.v1.json"}  # for whoever deploys
        expected -= {
            path for path in expected if path.startswith("lambdas/scans/")
        }  # whose engine is elsewhere
        expected -= {"lambdas/read_pages.py", "lambdas/file_reading.py"}
        expected -= {"lambdas/intake/scans.py", "lambdas/adapters/readings.py"}
        assert expected
        assert expected <= held
    assert (assembly.package / "rules/default.json").read_bytes() == (
        project / "rules/default.json"
    ).read_bytes()
    assert {path.name for path in assembly.package.iterdir()} >= {
        "aws_lambda_powertools",
        "jsonschema_rs",
        "pydicom",
        "pypdfium2",
    }


def test_the_package_holds_nothing_that_no_function_reads(assembly: Assembly) -> None:
    held = list(files_of(assembly.package))
    assert not [name for name in held if name.endswith((".pyc", ".pyi", ".lock", ".in", ".md"))]
    folders = {name for path in held for name in path.split("/")[:-1]}
    assert not [name for name in folders if name in ("__pycache__", "bin", "test_files")]
    assert [name for name in held if ".dist-info/" in name] == ["pydicom-3.0.2.dist-info/METADATA"]
    parts = {name.split("/")[1] for name in held if name.startswith("carefile/")}
    assert parts == {"__init__.py", "core", "page"}
    roots = {name.split("/")[0] for name in held}
    assert not roots & {"infrastructure", "local", "tests", "samples", "docs", "boto3", "botocore", "aws_cdk"}


def test_the_package_fits_into_a_function(assembly: Assembly) -> None:
    """Lambda takes 250 MB unpacked."""
    size = sum(path.stat().st_size for path in assembly.package.rglob("*") if path.is_file())
    print(f"the package is {size / 1e6:.0f} MB unpacked")  # noqa: T201
    assert size < 120_000_000


def test_every_library_that_reads_a_format_is_in_the_package(assembly: Assembly) -> None:
    libraries = {"PIL", "docx", "lxml", "openpyxl", "pydicom", "pypdfium2", "selectolax"}
    assert libraries <= {path.name for path in assembly.package.iterdir()}


def test_what_earlier_runs_left_is_cleared_away(assembly: Assembly) -> None:
    assert [path.name for path in assembly.directory.glob("asset.*")] == [assembly.package.name]


def test_a_wrong_stage_is_told_in_one_line(project: Path) -> None:
    command = [sys.executable, "-m", "infrastructure.app", "-c", "stage=nowhere"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == "carefile: stage: 'nowhere' is not configured; allowed: dev, local, local-express, local-listed, local-ocr, "
        "local-scanned, prod\n"
    )


def test_the_context_of_the_cdk_s_command_line_wins_over_cdk_json(project: Path) -> None:
    environment = os.environ | {"CDK_CONTEXT_JSON": '{"stage": "elsewhere"}'}
    command = [sys.executable, "-m", "infrastructure.app"]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "stage: 'elsewhere' is not configured" in done.stderr


def test_the_same_inputs_give_the_same_package_and_build_it_once(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_package(StageConfig(stage="dev"), project_root=small_project)

    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("nothing has changed, and something is installed")

    monkeypatch.setattr(package, "_install", unexpected)
    assert build_package(StageConfig(stage="dev"), project_root=small_project) == first
    shutil.rmtree(first.directory)
    again = build_package(StageConfig(stage="dev"), project_root=small_project)
    assert again == first
    assert sorted(files_of(again.directory)) == [
        "lambdas/one.py",
        "rules/default.json",
        "schemas/one.v1.json",
    ]


@pytest.mark.parametrize("changed", ["lambdas/one.py", "lambdas/requirements.lock", "schemas/one.v1.json"])
def test_a_change_of_any_input_gives_another_package(small_project: Path, changed: str) -> None:
    before = build_package(StageConfig(stage="dev"), project_root=small_project)
    (small_project / changed).write_text("# changed\n")
    assert (
        build_package(StageConfig(stage="dev"), project_root=small_project).fingerprint != before.fingerprint
    )


def test_the_platform_is_part_of_the_fingerprint(small_project: Path) -> None:
    built = [
        build_package(StageConfig(stage="dev", function_platform=platform), project_root=small_project)
        for platform in FunctionPlatform
    ]
    assert len({it.fingerprint for it in built}) == 3
    assert [it.architecture for it in built][:2] == ["arm64", "x86_64"]
    assert built[2].python_version == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_configured_rules_stand_where_the_functions_look(small_project: Path) -> None:
    config = StageConfig(stage="dev", rules_file="rules/clinic.json")
    built = build_package(config, project_root=small_project)
    assert (built.directory / "rules/default.json").read_text() == '{"rules": "clinic"}'
    assert not (built.directory / "rules/clinic.json").exists()


def test_old_packages_are_forgotten_but_not_the_newest(small_project: Path) -> None:
    for number in range(8):
        (small_project / "lambdas/one.py").write_text(f"x = {number}\n")
        newest = build_package(StageConfig(stage="dev"), project_root=small_project)
    kept = list((small_project / ".build/functions").iterdir())
    assert newest.directory in kept
    assert len(kept) == 4


def test_dependencies_that_cannot_be_installed_are_told(small_project: Path) -> None:
    (small_project / "lambdas/requirements.lock").write_text("--no-such-option\n")
    with pytest.raises(PackageError, match="the functions' dependencies could not be installed"):
        build_package(StageConfig(stage="dev"), project_root=small_project)
    assert not list((small_project / ".build/dependencies").iterdir())
