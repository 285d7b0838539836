"""The documentation's pages as a site."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.assumptions import COMPARABLE

ROOT = Path(__file__).parents[2]
_PICTURE = re.compile(r'<img [^>]*src="([^"]+)"')
WHY = (ROOT / "docs/why.md").read_text()


@pytest.mark.prove
def test_the_site_builds_without_a_broken_link_and_holds_every_page() -> None:
    subprocess.run(["make", "site"], cwd=ROOT, check=True, timeout=600, capture_output=True)
    built = ROOT / ".build/site/html"
    pages = [it.relative_to(ROOT) for it in (ROOT / "docs").rglob("*.md")]
    missing = [it for it in pages if it.parts[1] != "site" and not (built / it).with_suffix(".html").exists()]
    assert not missing
    pictures = [(page, src) for page in built.rglob("*.html") for src in _PICTURE.findall(page.read_text())]
    assert len({src.rpartition("/")[2] for _, src in pictures}) == len([*(ROOT / "docs/images").iterdir()])
    assert not [(page, src) for page, src in pictures if not (page.parent / src).is_file()]
    elsewhere = re.compile(r'(?:src|href)="https?:[^"]+\.(?:js|css)"')
    assert not [it for page in built.rglob("*.html") for it in elsewhere.findall(page.read_text())]


def test_the_comparison_states_the_figures_of_the_bill() -> None:
    costs = next(line for line in WHY.splitlines() if line.startswith("| USD a million"))
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"| {COMPARABLE['accelerated-intelligent-document-processing-on-aws']:.0f} |" in costs
    assert f"| {COMPARABLE['cirrus-geo']:.0f} |" in costs
    for figure in re.findall(
        r"objects cost ([\d.]+) USD.*?documents cost ([\d.]+)\..*?they cost ([\d.]+) and (\d+)", readme
    )[0]:
        assert re.search(rf"\b{figure}\b", costs)
