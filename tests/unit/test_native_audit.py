"""Libraries inside wheels are looked up at OSV, here a server on the loopback; what is not answered is not free."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from supply_chain import audit, native, osv
from supply_chain.locks import LOCKS
from supply_chain.native import Native

TIFF = Native("pillow", "libtiff", "4.7.2")
XCB = Native("pillow", "libxcb", "1.17.0")
CRATE = Native("jsonschema-rs", "ahash", "0.8.12", "pkg:cargo/ahash@0.8.12")
RPM = Native("tesserocr", "libpng", "1.6.34-11.el8_10", "pkg:rpm/almalinux/libpng@1.6.34-11.el8_10")
PDFIUM = Native("pypdfium2", "pdfium", "159.0.8149.0")
TIFF_AT = "https://gitlab.com/libtiff/libtiff.git"

Answering = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_network(socket_enabled: None) -> None:
    """Only the loopback is reached."""


@contextmanager
def served(
    answering: Callable[[list[dict[str, Any]]], bytes], status: int = 200
) -> Iterator[tuple[str, list[Any]]]:
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            requests.append(queries)
            body = answering(queries)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/querybatch", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def each(answer: Answering) -> Callable[[list[dict[str, Any]]], bytes]:
    return lambda queries: json.dumps({"results": [answer(query) for query in queries]}).encode()


def vulnerable(*ids: str) -> dict[str, Any]:
    return {"vulns": [{"id": one, "modified": "2026-01-01T00:00:00Z"} for one in ids]}


def test_a_vulnerable_library_is_named_with_what_is_known_and_fails_the_audit() -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        if query.get("version") != "4.7.2":
            return vulnerable("CVE-OLD")
        at_oss_fuzz = query["package"]["ecosystem"] == "OSS-Fuzz"
        return vulnerable("OSV-2026-9") if at_oss_fuzz else vulnerable("CVE-2026-2", "CVE-2026-1")

    with served(each(answer)) as (address, requests):
        answers = osv.ask([TIFF], address)
    assert answers[0].advisories == ("CVE-2026-1", "CVE-2026-2", "OSV-2026-9")
    assert {"package": {"ecosystem": "GIT", "name": TIFF_AT}, "version": "4.7.2"} in requests[0]
    said = list(audit.report_libraries([TIFF], answers))
    assert said[0].startswith("3 known vulnerabilities in 1 libraries")
    assert (
        "libtiff 4.7.2, inside pillow: known vulnerabilities: CVE-2026-1, CVE-2026-2, OSV-2026-9" in said[1]
    )
    assert "vulnerable" in str(audit.verdict([], answers))


def test_none_is_known_of_a_library_whose_other_versions_are_known() -> None:
    with served(each(lambda query: {} if "version" in query else vulnerable("CVE-OLD"))) as (address, _):
        (answer,) = osv.ask([TIFF], address)
    assert answer.line == "libtiff 4.7.2, inside pillow: none known"
    assert audit.verdict([], [answer]) is None


@pytest.mark.parametrize(
    "knows", [lambda _: False, lambda query: query["package"]["ecosystem"] == "OSS-Fuzz"]
)
def test_a_library_whose_repository_osv_does_not_know_is_not_called_harmless(knows: Answering) -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        return vulnerable("OSV-OLD") if "version" not in query and knows(query) else {}

    with served(each(answer)) as (address, _):
        (found,) = osv.ask([TIFF], address)
    assert "NOT AUDITED" in found.line
    assert "none known" not in found.line


def test_crates_and_packages_of_the_distribution_are_asked_for_by_name() -> None:
    with served(each(lambda _: {})) as (address, requests):
        crate, rpm = osv.ask([CRATE, RPM], address)
    assert requests == [
        [
            {"package": {"purl": "pkg:cargo/ahash@0.8.12"}},
            {"package": {"ecosystem": "AlmaLinux:8", "name": "libpng"}, "version": "1.6.34-11.el8_10"},
        ]
    ]
    assert crate.line.endswith("none known")
    assert rpm.line.endswith("none known")


def test_answers_go_to_the_library_that_was_asked_about() -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        is_it = query == {"package": {"purl": "pkg:cargo/ahash@0.8.12"}}
        return vulnerable("RUSTSEC-1") if is_it else {} if "version" in query else vulnerable("CVE-OLD")

    with served(each(answer)) as (address, _):
        answers = osv.ask([TIFF, PDFIUM, CRATE, XCB], address)
    assert [one.library for one in answers] == [TIFF, PDFIUM, CRATE, XCB]
    assert [one.advisories for one in answers] == [(), (), ("RUSTSEC-1",), ()]


def test_what_cannot_be_looked_up_says_why() -> None:
    unknown = Native("pillow", "pybind11", native.UNKNOWN)
    strange = Native("x", "libstrange", "1.0")
    pdfium, without_version, without_place = osv.ask([PDFIUM, unknown, strange], "http://127.0.0.1:9/")
    assert "Chrome" in pdfium.why_not
    assert "does not state its version" in without_version.why_not
    assert "name in OSV" in without_place.why_not
    said = list(audit.report_libraries([PDFIUM], [pdfium]))
    assert said[0].endswith("1 could not be looked up")
    assert "NOT AUDITED" in said[1]
    assert audit.verdict([], [pdfium]) is None


def test_zlib_of_a_number_that_zlib_never_had_is_zlib_ng() -> None:
    with served(each(lambda _: vulnerable("CVE-1"))) as (address, requests):
        osv.ask([Native("pillow", "zlib", "2.3.3"), Native("other", "zlib", "1.3.1")], address)
    places = [query["package"]["name"] for query in requests[0] if query.get("version")]
    assert [it.rsplit("/", 1)[-1] for it in places] == ["zlib-ng.git", "zlib-ng", "zlib.git", "zlib"]


def test_every_page_of_an_answer_is_read() -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        page = int(query.get("page_token", "0"))
        return vulnerable(f"RUSTSEC-{page}") | ({"next_page_token": str(page + 1)} if page < 2 else {})

    with served(each(answer)) as (address, requests):
        (found,) = osv.ask([CRATE], address)
    assert found.advisories == ("RUSTSEC-0", "RUSTSEC-1", "RUSTSEC-2")
    assert len(requests) == 3


def test_pages_without_end_are_no_answer() -> None:
    forever = each(lambda _: {"next_page_token": "again"})
    with served(forever) as (address, requests), pytest.raises(osv.NotAnswered, match="pages"):
        osv.ask([CRATE], address)
    assert len(requests) == 20


def test_many_libraries_are_asked_about_in_several_requests() -> None:
    crates = [Native("w", f"c{n}", "1", f"pkg:cargo/c{n}@1") for n in range(1_201)]
    last = {"package": {"purl": crates[-1].purl}}
    with served(each(lambda query: vulnerable("RUSTSEC-1") if query == last else {})) as (address, requests):
        answers = osv.ask(crates, address)
    assert [len(queries) for queries in requests] == [500, 500, 201]
    assert [one.library for one in answers if one.advisories] == crates[-1:]


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"results": []}', b'{"results": [null]}', b'{"results": [{"vulns": [{}]}]}'],
)
def test_an_answer_of_another_form_is_no_answer(body: bytes) -> None:
    with served(lambda _: body) as (address, _), pytest.raises(osv.NotAnswered, match="documents"):
        osv.ask([CRATE], address)


def test_a_refusal_is_no_answer() -> None:
    with served(each(lambda _: {}), status=503) as (address, _), pytest.raises(osv.NotAnswered):
        osv.ask([CRATE], address)


def test_without_a_network_nothing_is_audited_and_one_line_says_so() -> None:
    with served(each(lambda _: {})) as (address, _):
        pass
    with pytest.raises(osv.NotAnswered) as raised:
        osv.ask([CRATE], address)  # nothing listens there any more
    said = list(audit.report_libraries([CRATE, PDFIUM], str(raised.value)))
    assert said[0].startswith("NOT AUDITED, 1 libraries and 1 Rust crates")
    assert "refused" in said[0]
    assert said[1:] == ["  pdfium 159.0.8149.0, inside pypdfium2"]
    assert "incomplete" in str(audit.verdict([], str(raised.value)))


def test_shared_libraries_that_no_bill_names_are_listed() -> None:
    found = {(one.inside, one.name): one.version for one in native.of(LOCKS["scans"])}
    assert found["tesserocr", "leptonica"] == native.UNKNOWN
    assert found["tesserocr", "tesseract"][0].isdecimal()
    names = [one.name.lower() for one in native.of(LOCKS["functions"]) if one.inside == "pillow"]
    assert len(names) == len(set(names))
    assert "zstd" in names
    assert not {"lcms2", "openjp2", "webpmux", "sharpyuv", "jpeg"} & set(names)


def test_a_file_name_states_a_version_where_its_project_counts_so(tmp_path: Path) -> None:
    files = ["libpng16-1d1ba958.so.16.58.0", "libzstd-40ad5e7e.so.1.5.7", "libodd-40ad5e7e.so.6.1.0"]
    info = tmp_path / "made_up-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
    (info / "RECORD").write_text("".join(f"made_up.libs/{file},,\n" for file in files))
    (one,) = metadata.distributions(path=[str(tmp_path)])
    found = {(it.name, it.version) for it in native.inside(one)}
    assert found == {("libpng", "1.6.58"), ("zstd", "1.5.7"), ("odd", native.UNKNOWN)}
