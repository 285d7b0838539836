"""Every number in README.md has a source that these tests know: the code, a table of a page, or a measurement
with its date and the command that repeats it. A number without one fails; so does a row or a command that is not so.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks import assumptions, counting
from benchmarks.bill import Lane, lines
from carefile.cli.app import app
from carefile.core.deciding.classification import classify
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.tagging import MAX_TAGS
from carefile.core.messages.events import EventType
from carefile.core.patients.directory import Listing
from carefile.core.patients.entries import PatientEntry
from tests.end_to_end import test_many
from tests.faults.test_services import A_DAY, PASSING
from tests.simulation import test_hostile, test_schedules, test_variants
from tests.simulation.actors import EVERYBODY, LANE, actors
from tests.simulation.run import SCANNED
from tests.simulation.variants import in_lanes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PERFORMANCE = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
RULES = json.loads((ROOT / "rules/default.json").read_text(encoding="utf-8"))
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
BILLS = [(kind, lane) for kind in ("session", "document") for lane in (Lane.STANDARD, Lane.EXPRESS_FIRST)]
WORDS = {"ten": 10.0, "fourteen": 14.0, "forty": 40.0, "fifty": 50.0, "thousand": 1000.0, "tenth": 0.1}
NUMBER = re.compile(
    rf"\b(?:{'|'.join(WORDS)}|(?:thir|fif|six|seven|eigh|nine)(?:teen|ty)|eleven|twelve|twenty|hundred)\b"
    r"|(?<![\w-])\d(?:[\d.,]*\d)?"
)


def prose(text: str) -> str:
    """What is said in sentences: no commands, code, pictures, addresses of links, nor marks of lists."""
    for kept_out in (r"```.*?```", r"`[^`]*`", r"<img[^>]*>", r"\]\([^)]*\)", r"^\d+\. "):
        text = re.sub(kept_out, "… ", text, flags=re.DOTALL | re.MULTILINE)
    return " ".join(text.split())


PROSE = prose(README)


def value(text: str) -> float:
    return WORDS.get(text) or float(text.replace(",", ""))


def bill(row: str) -> dict[tuple[str, Lane], float]:
    """A row of the bills that docs/performance.md states: what it says of each kind on each lane."""
    (cells,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", PERFORMANCE, re.MULTILINE)
    found = (re.search(r"[\d.]+", cell) for cell in cells.split("|"))
    return {each: float(it[0]) if it else 0.0 for each, it in zip(BILLS, found, strict=True)}


def totals(lane: Lane) -> list[float]:
    return [bill("**total**")["session", lane], bill("**total**")["document", lane]]


def schedules() -> int:
    """How many schedules `make test` runs at least, each once."""
    known = {0: test_schedules.FEW, SCANNED // LANE: test_schedules.FEW_SCANNED}
    known[test_hostile.ACTOR.lane] = test_hostile.SCHEDULES
    others = {actor.lane for actor in actors()} | {EVERYBODY // LANE}
    return sum(known.values()) + len(others - known.keys()) * test_variants.WITH_EACH_ACTOR


def default(target: str) -> float:
    (found,) = re.findall(rf"^{target}:.*\n.*\$\(call n,(\d+)\)", MAKEFILE, re.MULTILINE)
    return float(found)


def full_size(test: Any) -> float:
    (sizes,) = (mark.args[1] for mark in test.pytestmark if mark.args[0] == "uploads")
    return float(sizes[-1].values[0])


def failing(service: str) -> float:
    """Which share of a service's requests fails by any rule that holds for all of them."""
    for_all = [rule for rule in PASSING if not rule.keys() & {"headers", "operation", "times"}]
    return round(sum(rule["probability"] for rule in for_all if rule["service"] == service), 1)


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def node() -> str:
    engines: dict[str, str] = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["engines"]
    return engines["node"]


COMPARABLE = sorted(assumptions.COMPARABLE.values())
# What is said with numbers, and what they are in the code.
CLAIMS: dict[str, Callable[[], list[float]]] = {
    r"Python ([\d.]+) or": lambda: [float(project()["requires-python"].removeprefix(">="))],
    r"Node\.js (\d+) or newer": lambda: [float(node().removeprefix(">="))],
    r"through ([\d,]+) random schedules": lambda: [schedules()],
    r"more than (\w+) deliberately broken variants": lambda: [len([*in_lanes()]) // 10 * 10],
    r"more than ([\d,]+) schedules that have never": lambda: [default("prove-schedules")],
    r"a (\w+) simultaneous uploads": lambda: [
        full_size(test_many.test_uploads_all_at_once_each_end_once_and_the_catalog_is_what_the_bucket_holds)
    ],
    r"With a (\w+) of all requests": lambda: [failing("s3")],
    r"\d+ of (\d+) uploads are filed": lambda: [float(A_DAY.values[0])],
    r"session objects cost (\d+) USD.*?; a million documents cost (\d+)\.": lambda: totals(Lane.STANDARD),
    r"of which (\d+) are Step Functions transitions": lambda: [bill("Transitions")[BILLS[0]]],
    r"they cost ([\d.]+) and ([\d.]+): each upload runs": lambda: totals(Lane.EXPRESS_FIRST),
    r"Comparable pipelines cost (\d+) to (\d+) at": lambda: [COMPARABLE[0], COMPARABLE[-1]],
    r"the minimum is ([\d.]+)\.": lambda: [round(assumptions.FLOOR, 2)],
    r"already carries (\w+) tags": lambda: [MAX_TAGS],
}
# Names and dates, and what only others know.
NO_CLAIMS = (
    r"\d{4}-\d\d-\d\d", r"decision \d+", r"License [\d.]+",
    r"a new one runs (?:ten) functions at once",  # AWS: docs/deploying.md#a-new-account
)  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_the_readme_says_in_numbers_is_so(claim: str) -> None:
    found = re.search(claim, PROSE)
    assert found is not None, "the sentence has changed: give its number a source, or take it from the list"
    # A cost is said to a dollar.
    assert [value(it) for it in found.groups()] == pytest.approx(
        CLAIMS[claim](), abs=0.6 if "cost" in claim else 0
    )


def test_no_number_is_without_a_source() -> None:
    left = prose("\n\n".join(without_measurements(it) for it in README.split("\n\n")))
    known = {
        place
        for claim in (*CLAIMS, *NO_CLAIMS)
        for found in re.finditer(claim, left)
        for place in range(*found.span())
    }
    assert not [
        left[it.start() - 40 : it.end() + 20] for it in NUMBER.finditer(left) if it.start() not in known
    ]


def without_measurements(paragraph: str) -> str:
    """A paragraph without its sentences that say when something was measured, if it says how to measure it again."""
    targets = re.findall(r"`make ([a-z-]+)", paragraph)
    if not any(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets):
        return paragraph
    sentences = re.split(r"(?<=[.:])\s+", paragraph)
    return " ".join(it for it in sentences if not re.search(r"\([A-Z][a-z]+\s20\d\d[,)]", it))


@pytest.mark.parametrize(
    ("kind", "lane"),
    [BILLS[0], *(pytest.param(*each, marks=pytest.mark.prove) for each in BILLS[1:])],
)
def test_the_bill_is_what_is_counted(kind: str, lane: Lane) -> None:
    """Processor time depends on the machine, so it is held to its order only."""
    for line in lines(counting.count(kind, lane=lane), lane):
        stated = bill(line.name)[kind, lane]
        if line.name in ("Lambda time", "Express"):
            assert stated / 4 < line.usd < stated * 4
        else:
            assert stated == pytest.approx(line.usd, rel=0.02, abs=0.006), line.name


@pytest.mark.parametrize(("kind", "lane"), BILLS)
def test_the_lines_of_the_bill_add_up(kind: str, lane: Lane) -> None:
    table = PERFORMANCE[PERFORMANCE.index("| Transitions |") : PERFORMANCE.index("| **total** |")]
    names = [line.split("|")[1].strip() for line in table.splitlines()]
    assert sum(bill(name)[kind, lane] for name in names) == pytest.approx(
        bill("**total**")[kind, lane], abs=0.06
    )


# The rule table

TREES = {
    "agents": "session.json",
    "snapshots": "session/s_1/scopes/agent/a/snapshots/snapshot_latest.json",
}
EXAMPLES = {
    "the tree of a Strands Agents session (also of snapshots) below one of these": (
        *(
            f"{place}/session_1/{TREES['agents']}"
            for place in ("sessions/P_1/ward", "sessions/P_1", "sessions")
        ),
        *(f"{place}/{TREES['snapshots']}" for place in ("medical-notes/patients/P_1", "sessions/P_1")),
        *(f"{place}/{TREES['snapshots']}" for place in ("medical-notes/no-patient", "sessions")),
    ),
    "the same tree anywhere else": (
        f"documents/P_1/x/session_1/{TREES['agents']}",
        f"production/{TREES['snapshots']}",
    ),
    "anything else": ("radiology/2024/x.pdf", "x.pdf"),
}
NAMED = {
    "patient": "P_1", "session": "s_1", "file": "f.txt", "category": "json", "timestamp": "20241028T143022Z",
    "file_id": "7",
}  # fmt: skip
LISTED = Listing({"P_1": PatientEntry("P_1")})


@cache
def rule_table() -> RuleTable:
    return RuleTable.from_json(RULES)


def rows() -> list[tuple[str, str, str]]:
    text = README[README.index("| landing key | kind | patient |") :].split("\n\n")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    return [(key, kind, patient) for key, kind, patient in cells]


def examples(first_cell: str) -> list[str]:
    """Keys of that row: its patterns, with names for what is in braces."""
    patterns = re.findall(r"`([^`]+)`", first_cell.partition(", only")[0].replace("`{timestamp}`", ""))
    return [
        re.sub(r"\{(\w+)\}", lambda name: NAMED[name[1]], it)
        .replace("session_…", "session_1")
        .replace("…", "a/b")
        for it in patterns
    ]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].replace("/", "-"))
def test_a_row_of_the_rule_table_says_what_the_default_rules_do(row: tuple[str, str, str]) -> None:
    first, kind, patient = row
    of_row = EXAMPLES.get(first) or examples(first)
    expected = patient.split(", ") if len(of_row) == len(patient.split(", ")) else [patient] * len(of_row)
    assert of_row
    for key, whose in zip(of_row, expected, strict=True):
        made = classify(key, (), rule_table(), directory=LISTED if "directory" in first else None)
        assert made.kind.value == kind.partition(" ")[0], key
        if whose == "as in that row":
            whose = "from the key" if "P_1" in key else "unknown"
        assert (made.patient.id == "P_1") is (whose == "from the key"), (key, whose)
        if "directory" in first:
            assert classify(key, (), rule_table()).patient.id is None


def test_the_rule_table_leaves_no_rule_out() -> None:
    keys = [key for first, _, _ in rows() for key in EXAMPLES.get(first) or examples(first)]
    assert {rule_table().match(key).rule.name for key in keys} == {rule["name"] for rule in RULES["rules"]}


# Events and commands


def test_the_table_of_events_names_each() -> None:
    text = README[README.index("| detail-type | meaning |") :].split("\n\n")[0]
    assert re.findall(r"^\| `([^`]+)`", text, re.MULTILINE) == list(EventType)


@pytest.mark.parametrize("page", ["README.md", *sorted(it.relative_to(ROOT).as_posix() for it in (ROOT / "docs").rglob("*.md"))])  # fmt: skip  # noqa: E501
def test_every_command_line_that_a_page_shows_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in re.findall(rf"carefile ((?:{'|'.join(COMMANDS)})\b[^`\n#;|]*)", text):
        words = line.split()
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS[words[0]]
        known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)}
        assert {word for word in words if re.match(r"--\w", word)} <= known | {"--help"}, line


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/deploying.md", "docs/performance.md"])
def test_every_target_of_make_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert set(named) <= targets
