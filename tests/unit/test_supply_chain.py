"""What is locked is told in full: bills of materials, licences, and an audit that never calls the unknown harmless."""

from __future__ import annotations

import copy
import json
from email.message import Message
from typing import Any

import pytest

from supply_chain import audit, licences, native, sbom
from supply_chain.locks import LOCKS, ROOT, Pinned, of_npm, of_requirements, read

LOCKED = """\
et-xmlfile==2.0.0 \\
    --hash=sha256:7a91 \\
    --hash=sha256:dab3
Jinja2==3.1.6 ; python_full_version < '3.13' \\
    --hash=sha256:0137
"""
# As cyclonedx-py and npm write them, of what the check reads.
BILL: dict[str, Any] = {
    "components": [
        {
            "name": "et-xmlfile",
            "purl": "pkg:pypi/et-xmlfile@2.0.0",
            "version": "2.0.0",
            "externalReferences": [
                {
                    "type": "distribution",
                    "hashes": [{"alg": "SHA-256", "content": "7a91"}, {"alg": "SHA-256", "content": "dab3"}],
                }
            ],
        },
        {
            "name": "Jinja2",
            "purl": "pkg:pypi/jinja2@3.1.6",
            "version": "3.1.6",
            "externalReferences": [{"hashes": [{"alg": "SHA-256", "content": "0137"}]}],
        },
    ]
}


def test_every_lock_of_the_project_is_known() -> None:
    made_by_the_set_up = (".venv", "node_modules", ".build", ".local", "cdk.out")
    found = {
        str(path.relative_to(ROOT))
        for pattern in ("*.lock", "package-lock.json")
        for path in ROOT.rglob(pattern)
        if not str(path.relative_to(ROOT)).startswith(made_by_the_set_up)
    }
    assert found == {lock.file for lock in LOCKS.values()}


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_is_locked_without_a_hash(name: str) -> None:
    packages = read(LOCKS[name])
    assert packages
    for one in packages:
        assert one.hashes, one.name
        assert all(it.startswith(("sha256:", "sha512:")) and len(it) >= 71 for it in one.hashes), one.name


def test_a_lock_is_read_with_its_hashes() -> None:
    assert of_requirements(LOCKED) == [
        Pinned("et-xmlfile", "2.0.0", frozenset({"sha256:7a91", "sha256:dab3"})),
        Pinned("jinja2", "3.1.6", frozenset({"sha256:0137"})),
    ]
    entry = {"version": "1.0.0", "integrity": "sha512-AQI="}
    (one,) = of_npm(json.dumps({"packages": {"": {}, "node_modules/@aws/cdk": entry}}))
    assert one == Pinned("@aws/cdk", "1.0.0", frozenset({"sha512:0102"}))


def test_a_bill_of_materials_that_is_the_lock_is_taken() -> None:
    sbom.check(BILL, of_requirements(LOCKED))
    npm = {"name": "aws-cdk", "purl": "pkg:npm/aws-cdk@2", "version": "2"}
    hashed = npm | {"hashes": [{"alg": "SHA-512", "content": "0102"}], "externalReferences": []}
    sbom.check({"components": [hashed]}, [Pinned("aws-cdk", "2", frozenset({"sha512:0102"}))])


def _without(bill: dict[str, Any]) -> None:
    del bill["components"][0]


def _twice(bill: dict[str, Any]) -> None:
    bill["components"].append(bill["components"][0])


def _newer(bill: dict[str, Any]) -> None:
    bill["components"][1]["version"] = "3.1.7"


def _other_hash(bill: dict[str, Any]) -> None:
    bill["components"][1]["externalReferences"][0]["hashes"][0]["content"] = "ffff"


def _fewer_hashes(bill: dict[str, Any]) -> None:
    del bill["components"][0]["externalReferences"][0]["hashes"][0]


@pytest.mark.parametrize("change", [_without, _twice, _newer, _other_hash, _fewer_hashes])
def test_a_bill_of_materials_that_is_not_the_lock_is_refused(change: Any) -> None:
    bill = copy.deepcopy(BILL)
    change(bill)
    with pytest.raises(sbom.WrongBill, match="differs from the lock in"):
        sbom.check(bill, of_requirements(LOCKED))


def test_the_licences_are_told_as_they_are() -> None:
    """Where a lock or a package's metadata has changed: .venv/bin/python -m supply_chain.licences"""
    there = licences.DOCUMENT.read_text(encoding="utf-8")
    assert licences.document(there) == there
    assert licences.installed(LOCKS["functions"]), "the set-up has installed them"


def test_every_licence_is_an_allowed_one_and_what_is_deployed_asks_for_a_notice_only() -> None:
    there = licences.listed(licences.DOCUMENT.read_text(encoding="utf-8"))
    for name, lock in LOCKS.items():
        allowed = licences.PERMISSIVE | (frozenset() if name == "functions" else licences.TOOLS_ONLY)
        for one in licences.of(lock, there):
            assert licences.parts(one.licence) <= allowed, f"{lock.file}: {one.name} is under {one.licence}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT AND (Apache-2.0 OR BSD-2-Clause)")], None),
        ([("License", "BSD"), ("Classifier", "License :: OSI Approved :: BSD License")], "BSD-3-Clause"),
        ([("Classifier", "License :: OSI Approved"), ("License", "Apache-2.0")], "Apache-2.0"),
        ([("License", "MIT\nPermission is hereby granted")], "MIT"),
        ([], "unknown"),
    ],
)
def test_a_licence_is_read_from_the_metadata(fields: list[tuple[str, str]], expected: str | None) -> None:
    assert licences.licence(_metadata(fields)) == (expected or fields[0][1])


@pytest.mark.parametrize(
    "fields",
    [
        [("License-Expression", "GPL-3.0-only")],
        [("License-Expression", "MIT OR GPL-2.0-only")],
        [("License", "Proprietary")],
        [
            ("Classifier", "License :: OSI Approved :: MIT License"),
            ("Classifier", "License :: OSI Approved :: GNU General Public License (GPL)"),
        ],
        [],
    ],
)
def test_a_licence_that_nobody_allowed_is_found(fields: list[tuple[str, str]]) -> None:
    assert (
        not licences.parts(licences.licence(_metadata(fields))) <= licences.PERMISSIVE | licences.TOOLS_ONLY
    )


def _metadata(fields: list[tuple[str, str]]) -> Any:
    told = Message()
    for name, value in [("Name", "made-up"), *fields]:
        told[name] = value
    return told


LOCK = LOCKS["functions"]


def test_a_package_that_could_not_be_looked_up_is_not_called_harmless() -> None:
    """pip-audit says of it "No known vulnerabilities found", and ends well."""
    answer = {
        "dependencies": [
            {"name": "a", "version": "1", "vulns": []},
            {"name": "b", "skip_reason": "not found"},
        ]
    }
    one = audit.of_pip(LOCK, answer, 2)
    assert (one.unknown, one.advisories) == (1, [])
    assert "NOT AUDITED, 1 of 2" in one.line
    assert "incomplete" in str(audit.verdict([one], []))
    nothing = audit.of_npm(LOCKS["npm"], {"message": "405 Method Not Allowed", "statusCode": 405}, 1)
    assert "NOT AUDITED" in nothing.line


def test_a_tool_that_does_not_answer_has_audited_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PIP_AUDIT", ROOT / "there" / "is" / "none")
    one = audit.audit(LOCK)
    assert one.unknown == one.packages > 0


def test_a_known_vulnerability_fails_the_audit_and_is_named() -> None:
    known = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"]}
    found = audit.of_pip(LOCK, {"dependencies": [{"name": "a", "version": "1", "vulns": [known]}]}, 1)
    of_npm_found = audit.of_npm(LOCKS["npm"], {"vulnerabilities": {"tar": {"severity": "high"}}}, 1)
    told = "\n".join(audit.report([found, of_npm_found]))
    assert "a 1: PYSEC-2026-1, CVE-2026-1" in told
    assert "tar: high" in told
    assert "known vulnerabilities" in str(audit.verdict([found], []))
    clean = audit.of_pip(LOCK, {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 1)
    assert audit.verdict([clean], []) is None


def test_what_is_built_into_the_wheels_is_named_with_its_version() -> None:
    found = {(one.inside, one.name.lower()): one.version for one in native.of(LOCKS["functions"])}
    for inside, name in (
        *(("pypdfium2", "pdfium"), ("lxml", "libxml2"), ("lxml", "libxslt"), ("pillow", "libtiff")),
        *(
            ("pillow", "zlib"),
            ("pillow", "openjpeg"),
            ("pillow", "libwebp"),
            ("jsonschema-rs", "aho-corasick"),
        ),
    ):
        assert found[inside, name][0].isdecimal(), (inside, name)


def test_a_wheel_that_says_nothing_of_its_binaries_is_named_as_not_known() -> None:
    unknown = {one.inside for one in native.of(LOCKS["functions"]) if one.name.startswith("binaries of ")}
    assert "selectolax" in unknown
    assert {one.version for one in native.of(LOCKS["functions"]) if one.inside in unknown} == {native.UNKNOWN}


def test_the_bill_has_them_beside_the_lock_s_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sbom, "LOCKS", {"functions": LOCKS["functions"]})
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    monkeypatch.setattr(sbom, "generate", lambda lock: {"components": []})
    monkeypatch.setattr(sbom, "check", lambda bill, locked: None)
    sbom.write(tmp_path)
    components = json.loads((tmp_path / "functions.cdx.json").read_text())["components"]
    (libxml2,) = (it for it in components if it["name"] == "libxml2")
    assert libxml2["properties"] == [{"name": "carefile:inside", "value": "lxml"}]
