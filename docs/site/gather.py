"""Gather the site's pages into `.build/site/source`: what is written, and a reference made from the code.

The folders stay as they are in the project, so that links hold in both. Run by `make site`.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.main import get_command

from carefile.cli.app import app
from carefile.core import errors

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / ".build" / "site" / "source"
# Files that pages link to, beside the pages themselves.
LINKED = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "samples/README.md", "schemas", "examples", "docs",
)  # fmt: skip
EVENTS = {
    "Object Cataloged": "object_cataloged.v2",
    "Object Retired": "object_retired.v2",
    "Object Withdrawn": "object_withdrawn.v1",
    "Object Failed": "object_failed.v1",
    "Patient Identified": "patient_identified.v2",
    "Patient Registered": "patient_registered.v1",
    "Patients Merged": "patients_merged.v1",
}
_EVERYWHERE = {"--stack", "--profile", "--region", "--json", "--help"}
_MARKUP = re.compile(r"\[/?(?:bold|dim|italic|cyan|yellow|green|red)[^\]]*\]")
_MERMAID = re.compile(r"```mermaid\n.*?```\n", re.S)


def main() -> int:
    shutil.rmtree(TARGET, ignore_errors=True)
    for name in LINKED:
        _copy(ROOT / name, TARGET / name)
    shutil.move(TARGET / "docs/site/index.md", TARGET / "index.md")
    shutil.rmtree(TARGET / "docs/site")
    # A graph that only some readers of Markdown draw; the page has pictures of it.
    readme = TARGET / "README.md"
    readme.write_text(_MERMAID.sub("", readme.read_text("utf-8")), "utf-8")
    made = {
        "reference/commands": commands(get_command(app).commands),  # type: ignore[attr-defined]
        "reference/settings": settings(_json("schemas/stage.v1.json")),
        "reference/errors": error_names(_titles(ROOT / "docs/runbook.md")),
        "reference/rules": rule_table(_json("rules/default.json")),
        "reference/events": events({name: _json(f"schemas/{file}.json") for name, file in EVENTS.items()}),
        "decisions/index": decisions(sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))),
    }
    for name, text in made.items():
        page = TARGET / f"docs/{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    return 0


def commands(known: Mapping[str, Any]) -> str:
    """The page of all commands: what each does, its arguments and options with their defaults."""
    parts = [
        "# Commands\n\n`carefile COMMAND --help` prints the same. Every command takes `--stack`, `--profile` and "
        "`--region`, and most take `--json`.\n"
    ]
    for name, command in known.items():
        parts.append(f"## carefile {name}\n\n{_plain(command.help or '')}\n")
        rows = [
            (
                _code(*(item.opts if item.param_type_name == "option" else [f"{item.name}…"])),
                _plain(getattr(item, "help", None) or ""),
                ""
                if item.default in (None, False, "", ()) or callable(item.default)
                else _code(str(item.default)),
            )
            for item in command.params
            if not getattr(item, "hidden", False) and not _EVERYWHERE & set(item.opts)
        ]
        parts.append(_table(("option", "meaning", "default"), rows))
    return "\n".join(parts)


def settings(schema: Mapping[str, Any]) -> str:
    """The page of a stage's settings, as `cdk.json` takes them."""
    rows = [
        (
            _code(name),
            _cell(found["description"]),
            _code(json.dumps(found["default"])) if "default" in found else "",
        )
        for name, found in schema["properties"].items()
    ]
    return f"# Settings\n\n{schema['description']}\n\n{_table(('setting', 'meaning', 'default'), rows)}"


def error_names(sections: Sequence[str]) -> str:
    """The page of the errors an execution may end with, each with its section of the runbook."""
    rows = [
        (
            f"[`{name}`](../runbook.md#{name.lower()})" if name in sections else _code(name),
            _cell(inspect.getdoc(found) or ""),
        )
        for name, found in vars(errors).items()
        if inspect.isclass(found)
        and issubclass(found, errors.CarefileError)
        and found is not errors.CarefileError
    ]
    return (
        "# Errors\n\nAn execution fails in the state where the error occurred, under one of these names.\n\n"
        f"{_table(('error', 'meaning'), rows)}"
    )


def rule_table(rules: Mapping[str, Any]) -> str:
    """The page of the default rules, in the order in which they are tried."""
    rows = [
        (_code(rule["name"]), rule["kind"], rule["patient"], "<br>".join(map(_code, rule["patterns"])))
        for rule in rules["rules"]
    ]
    ignored = ", ".join(_code(pattern) for pattern in rules["ignore"])
    return (
        "# Default rules\n\nThe first rule whose pattern matches the whole key decides "
        f"([rules](../rules.md)).\n\n{_table(('rule', 'kind', 'patient', 'patterns'), rows)}\n"
        f"## Ignored\n\n{ignored}\n"
    )


def events(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of the events' members. A member of a member has its path."""
    parts = ["# Members of the events\n\nHow they are sent and consumed: [events](../events.md).\n"]
    for name, schema in schemas.items():
        parts.append(f"## {name}\n\n{_cell(schema.get('description', ''))}\n")
        parts.append(_table(("member", "type", "meaning"), _members(schema, schema, "")))
    return "\n".join(parts)


def decisions(pages: Sequence[Path]) -> str:
    """The list of the decisions, by number."""
    names = "\n".join(page.stem for page in pages)
    return f"# Decisions\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"


def _members(schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, found in schema.get("properties", {}).items():
        while "$ref" in found:
            shared = root["$defs"][found["$ref"].rpartition("/")[2]]
            found = {**shared, **{key: value for key, value in found.items() if key != "$ref"}}
        kinds = found.get("type", "string" if "enum" in found or "const" in found else "")
        kind = " or ".join([kinds] if isinstance(kinds, str) else kinds)
        values = ", ".join(
            _code(str(one)) for one in found.get("enum", [found["const"]] if "const" in found else [])
        )
        meaning = _cell(" ".join(filter(None, (found.get("description", ""), values))))
        yield _code(path + name), kind if name in required else f"{kind}, optional", meaning
        inner = found.get("items", found)
        yield from _members(inner, root, f"{path}{name}{'[]' if 'items' in found else ''}.")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _json(path: str) -> Any:
    return json.loads((ROOT / path).read_text("utf-8"))


def _titles(page: Path) -> list[str]:
    return re.findall(r"^## (.+)$", page.read_text("utf-8"), re.M)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _plain(text: str) -> str:
    return _cell(_MARKUP.sub("", text.replace("\b", "")))


def _code(*words: str) -> str:
    return ", ".join(f"`{word}`".replace("|", "\\|") for word in words)


if __name__ == "__main__":
    sys.exit(main())
