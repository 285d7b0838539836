"""The migration report: `report.json` and `report.html`, next to the comparison's results in `objects.jsonl`.

The report holds the digest of that file and is sealed with a digest of itself, so that a retirement detects changes to
either. The seal proves no identity: the signer is whatever name was typed.

The next comparison replaces these three files. A signed report is also copied to a folder of its own, which is never
replaced: it is the record of originals that were retired because of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from carefile.cli.aws.listing import Place
from carefile.cli.moving.migration import OBJECTS, Line, read_lines
from carefile.cli.private_files import open_private, write
from carefile.cli.problem import Problem
from carefile.cli.shown.view import sized

FRESH = timedelta(hours=24)
_JSON, _HTML, _RETIRED = "report.json", "report.html", "retired.jsonl"
_MOST_SHOWN = 1000


@dataclass
class Tally:
    """The totals of the lines."""

    objects: int = 0
    size: int = 0
    verified: int = 0
    patients: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    sessions: set[str] = field(default_factory=set)
    faults: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.objects += 1
        self.size += line["size"]
        self.patients["known" if line["patient"] else "unknown"] += 1
        if line["session"]:
            self.sessions.add(line["session"])
        if line["verified"]:
            self.verified += 1
            self.compared[line["compared_by"]] += 1
        elif len(self.faults) < _MOST_SHOWN:
            self.faults.append(line)


def write_report(
    folder: Path, stack: str, place: Place, tally: Tally, began: datetime, signed_by: str | None
) -> dict[str, Any]:
    """Write the report as JSON and HTML, and archive it if it is signed."""
    complete = tally.objects > 0 and tally.verified == tally.objects
    report: dict[str, Any] = {
        "report": "carefile migration",
        "schema_version": "1.0",
        "stack": stack,
        "bucket": place.bucket,
        "prefix": place.prefix,
        "began": began.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": complete,
        "objects": tally.objects,
        "bytes": tally.size,
        "verified": tally.verified,
        "sessions": len(tally.sessions),
        "patients": dict(tally.patients),
        "compared_by": dict(tally.compared),
        "faults": [{"key": line["key"], "why": line["why"]} for line in tally.faults],
        "objects_sha256": _digest_of(folder / OBJECTS),
        "signed_by": signed_by if complete else None,
    }
    report["seal"] = _seal(report)
    _write(folder, report)
    if report["signed_by"]:
        keep(folder)
    return report


def keep(folder: Path) -> Path:
    """Copy the signed report to a folder that is never replaced, and return that folder. Idempotent."""
    report = json.loads((folder / _JSON).read_text(encoding="utf-8"))
    moment = datetime.fromisoformat(report["ended"]).strftime("%Y%m%dT%H%M%SZ")
    kept = folder / f"signed-{moment}-{report['seal'][:8]}"
    kept.mkdir(mode=0o700, exist_ok=True)
    if _digest_of(kept / OBJECTS) != report["objects_sha256"]:
        with (folder / OBJECTS).open(encoding="utf-8") as lines, open_private(kept / OBJECTS) as out:
            shutil.copyfileobj(lines, out)
    _write(kept, report)
    return kept


def note_retired(kept: Path, retired: int, refused: int) -> None:
    """Record next to the report how many originals were retired because of it."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "retired": retired,
        "refused": refused,
    }
    with open_private(kept / _RETIRED, append=True) as out:
        out.write(json.dumps(line) + "\n")


def must_allow_retiring(folder: Path, stack: str, now: datetime) -> tuple[Place, dict[str, Line]]:
    """Return the report's place and the line of each original, or raise a Problem unless it is intact, complete,
    signed, recent and of this stack."""
    try:
        report = json.loads((folder / _JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Problem(
            f"there is no report in {folder}",
            "create it with `carefile migrate verify`; nothing was retired",
        ) from None
    again = "run `carefile migrate verify` again; nothing was retired"
    if report.get("seal") != _seal(report):
        raise Problem("the report has been modified", again)
    if report["objects_sha256"] != _digest_of(folder / OBJECTS):
        raise Problem("objects.jsonl does not match the report", again)
    if report["stack"] != stack:
        raise Problem(f"the report is for {report['stack']}, not for {stack}", again)
    if not report["complete"]:
        missing = report["objects"] - report["verified"]
        raise Problem(f"the report is incomplete: {missing} objects are not verified", again)
    if not report["signed_by"]:
        raise Problem(
            "the report is not signed",
            "sign it with `carefile migrate verify --signed-by NAME`; nothing was retired",
        )
    if now - datetime.fromisoformat(report["ended"]) > FRESH:
        raise Problem("the report is more than a day old", again)
    lines = {line["key"]: line for line in read_lines(folder / OBJECTS)}
    return Place(report["bucket"], report["prefix"]), lines


def _write(folder: Path, report: dict[str, Any]) -> None:
    write(folder / _JSON, json.dumps(report, ensure_ascii=False, indent=2))
    write(folder / _HTML, _page(report))


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    if path.exists():
        with path.open("rb") as lines:
            while chunk := lines.read(1024 * 1024):
                digest.update(chunk)
    return digest.hexdigest()


def _seal(report: dict[str, Any]) -> str:
    sealed = {name: value for name, value in report.items() if name != "seal"}
    return hashlib.sha256(json.dumps(sealed, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _page(report: dict[str, Any]) -> str:
    facts = {
        "From": f"s3://{report['bucket']}/{report['prefix']}",
        "Stack": report["stack"],
        "Compared": f"{report['began']} to {report['ended']}",
        "Objects": f"{report['objects']} ({sized(report['bytes'])}) in {report['sessions']} sessions",
        "Verified": f"{report['verified']}, by "
        + (", ".join(f"{name} ({count})" for name, count in report["compared_by"].items()) or "nothing"),
        "Patients": ", ".join(
            f"{count} objects of {name} patients" for name, count in report["patients"].items()
        ),
        "Result": "complete: every original is filed, byte for byte"
        if report["complete"]
        else "not complete",
        "Signed by": report["signed_by"] or "not signed",
        "Objects' SHA-256": report["objects_sha256"],
        "Seal": report["seal"],
    }
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items()
    )
    faults = "".join(
        f"<tr><td>{escape(fault['key'])}</td><td>{escape(str(fault['why']))}</td></tr>"
        for fault in report["faults"]
    )
    listed = f"<h2>Not verified</h2><table>{faults}</table>" if faults else ""
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
        "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;overflow-wrap:anywhere}"
        "th{white-space:nowrap;color:#57606a;font-weight:600}tr+tr{border-top:1px solid #d0d7de}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Migration report</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{style}</style></head><body><h1>Migration report</h1><table>{rows}</table>{listed}</body></html>"
    )
