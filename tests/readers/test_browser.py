"""In a real browser, the page of a hostile document of any format runs nothing and asks nobody for anything."""

from __future__ import annotations

import pytest

from carefile.page.render import render
from tests.readers.browser import HEADER, needs_chromium, show
from tests.readers.here import read_here
from tests.readers.made import MADE
from tests.readers.reading import read_bytes

RUN = "document.documentElement.id='ran'"
ATTACK = (
    f'<script>{RUN}</script><svg onload="{RUN}"></svg>'
    f'<img src=http://leak.example/a onerror="{RUN}"><link rel=stylesheet href=http://leak.example/b>'
    f'<style>*{{background:url(http://leak.example/c)}}</style><iframe src="javascript:parent.{RUN}"></iframe>'
)

pytestmark = [
    needs_chromium,
    pytest.mark.timeout(120),
    pytest.mark.enable_socket,
]


def test_the_attack_works_on_a_page_that_lets_it() -> None:
    shown = show(f"<!DOCTYPE html><html><body>{ATTACK}")
    assert 'id="ran"' in shown.html
    assert any(b"leak.example" in request for request in shown.requests)


# All pages are of one renderer, and `test_hostile.py` looks at each format's without a browser.
SOME = ("html", "hl7v2", "fhir-xml", "png")


@pytest.mark.parametrize(
    "format_", [name if name in SOME else pytest.param(name, marks=pytest.mark.prove) for name in MADE]
)
def test_the_page_of_a_hostile_document_runs_nothing_and_asks_nobody(format_: str) -> None:
    with read_here():
        html = render(read_bytes(MADE[format_](ATTACK)), HEADER)
    shown = show(html)
    assert "About the file" in shown.html
    assert 'id="ran"' not in shown.html
    assert not shown.requests
