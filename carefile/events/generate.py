"""Generate `details.py` from the published schemas:  python carefile/events/generate.py

An object becomes a TypedDict, an enum a Literal, alternatives a union. A test fails if the file is out of date.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parents[1] / "schemas"
# Each version of an event: its schema, and the definition of the event's detail in it.
DETAILS = {
    "ObjectCataloged": ("object_cataloged.v1", None),
    "ObjectCatalogedV2": ("object_cataloged.v2", None),
    "ObjectRetired": ("object_retired.v1", None),
    "ObjectRetiredV2": ("object_retired.v2", None),
    "ObjectWithdrawn": ("object_withdrawn.v1", None),
    "ObjectFailed": ("object_failed.v1", None),
    "ObjectSubmitted": ("pipeline_input.v1", "request"),
    "ObjectSubmittedV2": ("pipeline_input.v2", "request"),
    "PatientIdentified": ("patient_identified.v1", "request"),
    "PatientIdentifiedV2": ("patient_identified.v2", "request"),
    "PatientRegistered": ("patient_registered.v1", None),
    "PatientsMerged": ("patients_merged.v1", None),
}
_PLAIN = {"string": "str", "integer": "int", "boolean": "bool", "number": "float", "null": "None"}
_HEAD = '''"""Types for the details of Carefile's events. Generated from the schemas by carefile/events/generate.py."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict
'''


class _Module:
    def __init__(self) -> None:
        self.classes: dict[str, str] = {}

    def add(self, name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
        """Return a schema's type, adding the classes that it needs."""
        if "$ref" in schema:
            return self.add(name, definitions[schema["$ref"].rpartition("/")[2]], definitions)
        if "const" in schema or "enum" in schema:
            words = [schema["const"]] if "const" in schema else schema["enum"]
            return f"Literal[{', '.join(_literal(word) for word in words)}]"
        if "properties" in schema:
            return self._class(name, schema, definitions)
        if "oneOf" in schema:
            each = (
                self.add(f"{name}{_suffix(part, number)}", part, definitions)
                for number, part in enumerate(schema["oneOf"], start=1)
            )
            return " | ".join(dict.fromkeys(each))
        if schema["type"] == "array":
            return f"list[{self.add(name.removesuffix('s'), schema['items'], definitions)}]"
        return _PLAIN[schema["type"]]

    def _class(self, name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
        required = set(schema.get("required", ()))
        members = []
        for member, part in schema["properties"].items():
            kind = self.add(name + member.title().replace("_", ""), part, definitions)
            members.append((member, kind if member in required else f"NotRequired[{kind}]"))
        description = schema.get("description") or schema.get("title")
        if all(member.isidentifier() and member != "from" for member, _ in members):
            lines = [f"class {name}(TypedDict):"]
            lines += [*_docstring(description), ""] if description else []
            lines += [f"    {member}: {kind}" for member, kind in members]
        else:
            pairs = [f'        "{member}": {kind!r},' for member, kind in members]
            lines = [f"{name} = TypedDict(", f'    "{name}",', "    {", *pairs, "    },", ")"]
        self.classes[name] = "\n".join(lines)
        return name


def _docstring(text: str) -> list[str]:
    return textwrap.wrap(f'"""{text}"""', 100, initial_indent="    ", subsequent_indent="    ")


def _literal(word: object) -> str:
    return json.dumps(word) if isinstance(word, str) else repr(word)


def _suffix(part: Mapping[str, Any], number: int) -> str:
    """Name an alternative after the constant that distinguishes it, or else by its number."""
    words = [value["const"] for value in part.get("properties", {}).values() if "const" in value]
    return str(words[0]).title() if words else str(number)


def generated() -> str:
    module = _Module()
    for name, (file, definition) in DETAILS.items():
        schema = json.loads((SCHEMAS / f"{file}.json").read_text(encoding="utf-8"))
        definitions = schema.get("$defs", {})
        module.add(name, definitions[definition] if definition else schema, definitions)
    return _HEAD + "".join(f"\n\n{text}\n" for text in module.classes.values())


if __name__ == "__main__":
    (HERE / "details.py").write_text(generated(), encoding="utf-8")
