"""The house: dependencies point one way, the core is pure, one module builds the keys of the layout."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAMBDAS = ROOT / "lambdas"
CORE = sorted((ROOT / "carefile" / "core").rglob("*.py"))
MODULES = sorted([*LAMBDAS.rglob("*.py"), *CORE])
PRODUCT = ("carefile", "lambdas", "infrastructure", "local", "benchmarks", "supply_chain", "examples", "docs")
HANDLERS = sorted(path for path in LAMBDAS.glob("*.py") if path.name != "__init__.py")
_ARTIFACTS = ("_manifest.json", "extracted_data.json", "result.html", "_medical_notes", "processed/")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module or ""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: Mapping[str, Path]) -> set[str]:
    """The modules of the product that this one imports, for types only or not."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module or "" for name in names}
    return found & modules.keys()


def built_texts(module: ast.Module) -> Iterator[str]:
    """Every text that a module holds or puts together, but for its docstrings."""
    prose = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_the_contracts_on_imports_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_the_standard_library_and_itself_only(path: Path) -> None:
    foreign = {
        name
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("carefile.core")
    }
    assert not foreign


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_reads_no_clock_network_disk_or_environment(path: Path) -> None:
    outside = {
        "os",
        "pathlib",
        "io",
        "socket",
        "urllib.request",
        "http",
        "subprocess",
        "time",
        "random",
        "logging",
    }
    assert not outside & set(imported(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("open", "print", "input", "datetime.now", "datetime.utcnow", "date.today"), (
                name
            )


def test_only_the_layout_builds_keys_of_the_layout() -> None:
    owner = ROOT / "carefile/core/filing/layout.py"
    names = (
        ROOT / "carefile/core/filing/names.py"
    )  # says which first segment of a session's own path is taken
    for path in MODULES:
        if path in (owner, names):
            continue
        texts = [text for text in built_texts(tree(path)) if any(part in text for part in _ARTIFACTS)]
        default = ["processed/"] if path.name == "settings.py" else []
        assert texts == default, f"{path.relative_to(ROOT)}: {texts}"


def test_the_check_on_keys_would_see_one_built_elsewhere() -> None:
    for source in (
        'f"processed/{a}/x"',
        '"processed/" + a',
        'f"{a}_medical_notes/"',
        'join(a, "_manifest.json")',
    ):
        texts = list(built_texts(ast.parse(f"key = {source}")))
        assert any(part in text for text in texts for part in _ARTIFACTS), source


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_a_handler_is_short_and_has_one_function_that_the_stack_calls(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    public = [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert public == ["handler"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_may_live_in_it_and_stays_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if source.strip():
        assert ast.get_docstring(ast.parse(source)), "no first lines"


def test_importing_one_part_of_the_library_loads_no_other() -> None:
    parts = {
        "core": {"carefile.core"},
        "events": {"carefile.events"},
        "page.session": {"carefile.core", "carefile.page"},
        "places": {"carefile.core", "carefile.places"},
    }
    for part, allowed in parts.items():
        check = (
            f"import sys, carefile.{part}; print(*(name for name in sys.modules if name[:9] == 'carefile.'))"
        )
        command = [sys.executable, "-c", check]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert {".".join(name.split(".")[:2]) for name in done.stdout.split()} == allowed


@pytest.mark.parametrize("folder", PRODUCT)
def test_files_and_folders_of_the_product_stay_of_a_size_that_a_reader_takes_in(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > 450}
    full = {str(room) for room, held in Counter(path.parent for path in files).items() if held > 20}
    assert not long | full


def test_every_folder_of_the_product_is_checked_for_size_circles_and_types() -> None:
    files = [it.relative_to(ROOT) for it in ROOT.glob("[!.]*/**/*.py") if "node_modules" not in it.parts]
    folders = {file.parts[0] for file in files} - {"tests", "cdk.out"}
    assert folders == set(PRODUCT)
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert mypy["strict"] is True
    assert set(mypy["files"]) == folders


def test_no_modules_import_one_another_in_a_circle() -> None:
    modules = {module_name(path): path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")}
    graph = {
        name: {to for to in imported_modules(path, modules) if to != name} for name, path in modules.items()
    }
    assert len(graph) > 250
    # What nothing is imported by any more, or imports nothing any more, is in no circle.
    while free := [name for name, to in graph.items() if not to & graph.keys()]:
        for name in free:
            del graph[name]
    assert not graph


def _printed(program: str) -> tuple[str, str]:
    """What a fresh process prints, and what it complains of."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip(), done.stderr


def test_no_function_loads_what_only_a_document_needs() -> None:
    """The readers come with the first document; a session's cold start is not to pay for them."""
    check = (
        "import sys, tests.conftest, lambdas.normalise_session, lambdas.classify_object;"
        "print([name for name in sys.modules if name.startswith("
        "('lambdas.readers', 'carefile.page', 'carefile.core.documents.extraction', 'pypdfium2', 'jinja2'))"
        " or name in ('jsonschema', 'aws_xray_sdk')])"
    )
    assert _printed(check) == ("[]", "")


def test_a_process_that_reads_a_document_loads_no_network_and_no_library_of_another_format() -> None:
    """It starts for each document, and half of its time is what it loads."""
    check = (
        "import sys, lambdas.readers.isolation;"
        "print([name for name in ('ssl', 'http.client', 'urllib.request', 'email.message', 'lxml', 'docx', 'PIL',"
        " 'pydicom', 'pypdfium2') if name in sys.modules])"
    )
    assert _printed(check) == ("[]", "")


def test_every_function_ends_its_start_and_masks_its_log_by_the_same_entry_point() -> None:
    for module in (ROOT / "lambdas").glob("*.py"):
        text = module.read_text()
        assert text.count("\ndef handler(") == text.count("\n@entry_point\ndef handler("), module.name


def test_a_function_collects_no_garbage_while_it_starts_and_never_looks_at_what_it_loaded() -> None:
    check = (
        "import gc, os, sys, tests.conftest; os.environ['AWS_LAMBDA_FUNCTION_NAME'] = 'f';"
        "gc.collect(); before = gc.get_stats()[0]['collections'];"
        "import lambdas.tag_object;"
        "apart = ('carefile.core.patients.entries', 'carefile.core.documents');"
        "print(gc.get_stats()[0]['collections'] - before, gc.isenabled(), gc.get_freeze_count() > 10_000,"
        "[name for name in sys.modules if name.startswith(apart)])"
    )
    assert _printed(check) == ("0 True True []", "")


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is but one worker")
def test_tests_that_share_an_embedded_aws_are_given_to_one_worker(request: pytest.FixtureRequest) -> None:
    """xdist 3.8 says a group in a test's id, which pytest 9.2 does not let it: each worker would deploy everything."""
    assert "@" in request.node.nodeid
