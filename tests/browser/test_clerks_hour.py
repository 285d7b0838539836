"""A clerk's hour: thirty things that wait, decided by keyboard alone, and what the deployment says of it afterwards.

One test after another, as the hour goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error

from carefile.cli.patients.decided import Decided
from carefile.cli.patients.deciding import principal_of
from carefile.core.filing.layout import Owner
from carefile.core.model import DecisionType, Source
from tests.browser.clinic import ANA, JUAN, LUCIA, MARIA, MARKUP, PEDRO, RESULTS, Clinic, Upload
from tests.browser.desk import Clerk, inbox
from tests.embedded import eventually
from tests.readers.browser import needs_chromium

pytestmark = [pytest.mark.prove, needs_chromium, pytest.mark.timeout(900)]
BY, OTHER = "Ana Ruiz", "Luis Rey"
NOTE = "the ward calls back"
LEFT_ON = ["later.txt", "leaflet.txt", "question.txt"]
TREES = {name: f"sessions/session_{name}/" for name in ("visit_1", "visit_2")}
HOSTILE = (Path(__file__).parent / "hostile.html").read_bytes()


def decide(clerk: Clerk) -> str:
    """Decide about what is before the clerk, as its name asks for; return its name."""
    name = clerk.name
    actions: dict[str, Callable[[], None]] = {
        "note_1.txt": lambda: clerk.assign_to(JUAN),
        "note_2.txt": lambda: clerk.assign_to("21/11/1978"),
        "note_3.txt": lambda: clerk.assign_to("ana ruiz molina"),
        "scan.png": lambda: clerk.assign_to("Nunez Vidal"),
        MARKUP: lambda: clerk.nobodys("an attempt at markup"),
        "page.html": lambda: clerk.nobodys("an advertisement"),
        "leaflet.txt": lambda: clerk.nobodys("our own leaflet"),
        "session_visit_1": lambda: clerk.assign_to("Maria Lopez"),
        "later.txt": clerk.skip,
    }
    if name.startswith("result_"):
        clerk.page.keyboard.press("a")
        clerk.nobodys("quality control")
    else:
        actions.get(name, clerk.assign_best)()
    return name


def test_thirty_are_decided_by_keyboard_alone_two_undone_and_ten_at_once_beside_a_second_clerk(
    clinic: Clinic, browser: Browser, say: Callable[[str], None]
) -> None:
    began = time.monotonic()
    with inbox(clinic.aws, BY) as server, inbox(clinic.aws, OTHER) as second:
        clerk, luis = Clerk.at(browser, server.address), Clerk.at(browser, second.address)
        assert len(clerk.rows()) == 25
        luis.go("/?kind=session")
        luis.open("session_visit_2")
        luis.nobodys("a test of the assistant")
        luis.go("/?order=newest")
        luis.open("later.txt")
        luis.leave_note(NOTE)
        assert "Noted: later.txt still waits." in luis.text
        luis.go("/")
        decided: list[str] = []
        for _ in range(6):
            clerk.go("/")
            if set(clerk.rows()) <= {*LEFT_ON, "session_visit_2"} and {*LEFT_ON} - {*decided} == {
                "question.txt"
            }:
                break
            clerk.press("Enter")
            while clerk.page.locator("aside.decision").count():
                if clerk.name in ("question.txt", *decided) or clerk.page.locator("#nobody").is_disabled():
                    clerk.skip()
                    continue
                if clerk.name == "later.txt":
                    assert NOTE in clerk.text
                decided.append(decide(clerk))
                if decided[-1] == "vaccination.pdf":  # a slip: undone, looked at again, and decided the same
                    clerk.undo()
                    assert clerk.name == "vaccination.pdf"
                    clerk.assign_best()
                if decided[-1] == "leaflet.txt":  # undone, and left for later
                    clerk.undo()
                    assert clerk.name == "leaflet.txt"
                    clerk.skip()
        for each in (clerk, luis):
            each.go("/decisions")
            eventually(lambda each=each: settled(each), 240, every=2)
        eventually(lambda: left_on(clerk) == LEFT_ON, 60, every=2)
        assert clerk.errors == luis.errors == []
        say(f"a clerk's hour took {time.monotonic() - began:.0f} s in a browser")
    assert not any("Traceback" in line for line in [*server.said, *second.said])


def left_on(clerk: Clerk) -> list[str]:
    clerk.go("/")
    return sorted(clerk.rows())


def settled(clerk: Clerk) -> bool:
    try:
        clerk.page.reload()
        text = clerk.text
    except Error:  # the page reloads itself as its decisions go on: it is looked at again
        return False
    assert "Failed" not in text
    return "Being filed" not in text and "Can still be undone" not in text


ASSIGNED = {
    "documents/scan_0412.pdf": JUAN,
    "documents/fax_2026-11-28.pdf": MARIA,
    "documents/discharge.pdf": ANA,
    "documents/vaccination.pdf": LUCIA,
    **{f"documents/{JUAN}/referral_{number}.txt": PEDRO for number in (1, 2, 3)},
    "documents/Juan_Perez_132/note_1.txt": JUAN,
    "documents/Maria_Lopez_465/note_2.txt": MARIA,
    "documents/Ana_Ruis_789/note_3.txt": ANA,
    "documents/ultrasound_copy.pdf": MARIA,
    "documents/ultrasound_again.pdf": MARIA,
    "scan.png": LUCIA,
}
NOBODYS = {
    **{f"inbound/lab-north/result_{number:02}.pdf": "quality control" for number in range(1, RESULTS + 1)},
    f"documents/{MARKUP}": "an attempt at markup",
    "documents/page.html": "an advertisement",
}
LEFT = tuple(f"documents/{name}" for name in LEFT_ON)
# Every decision of the hour, and no other: what it is about, what it is, whose word, whose document, and why.
DECISIONS = {
    *((key, "assign", BY, patient, None) for key, patient in ASSIGNED.items()),
    *((key, "nobody", BY, None, reason) for key, reason in NOBODYS.items()),
    (TREES["visit_1"], "assign", BY, MARIA, None),
    (TREES["visit_2"], "nobody", OTHER, None, "a test of the assistant"),
}


def messages(tree: str) -> list[str]:
    return [f"{tree}agents/agent_intake/messages/message_{number}.json" for number in (0, 1)]


def test_the_catalog_the_layout_and_the_manifests_say_exactly_that(clinic: Clinic) -> None:
    expected = ASSIGNED | dict.fromkeys(messages(TREES["visit_1"]), MARIA)
    assert {key: clinic.patient_of(key) for key in expected} == expected
    for key, patient in expected.items():
        entry = clinic.entry(key)
        assert entry is not None
        assert entry.prefix.startswith(f"processed/{patient}_")
    for key in ASSIGNED:
        decision = clinic.manifest(key)["classification"]["decision"]
        assert (decision["type"], decision["decided_by"]) == (DecisionType.ASSIGN, BY)
    for key, reason in NOBODYS.items():
        assert clinic.patient_of(key) is None
        decision = clinic.manifest(key)["classification"]["decision"]
        assert (decision["type"], decision["decided_by"], decision["reason"]) == ("nobody", BY, reason)
    left = {
        found.landing_key if hasattr(found, "landing_key") else found.session_id for found in clinic.waiting()
    }
    assert left == set(LEFT)
    assert not any(
        f"{folder}_" in name for name in clinic.folders() for folder in ("unknown_scan_0412", "unknown_fax")
    )


def test_the_ledger_holds_exactly_what_was_decided(clinic: Clinic) -> None:
    landing = clinic.connection.landing
    expected = {
        Owner(landing, about, tree=about in TREES.values()).owner_id: {(type_, by, patient, why)}
        for about, type_, by, patient, why in DECISIONS
    }
    assert clinic.decided() == expected


def test_the_record_has_each_decision_and_the_note_once_and_is_whole(clinic: Clinic) -> None:
    decided = Decided(clinic.connection)
    found = [record.content for record in decided.all()]
    told = [
        (it.get("tree") or it["key"], it["type"], it["decided_by"], it.get("patient_id"), it.get("reason"))
        for it in found
    ]
    assert sorted(map(str, told)) == sorted(
        map(str, [*DECISIONS, ("documents/later.txt", "note", OTHER, None, NOTE)])
    )
    assert {it["principal"] for it in found} == {principal_of(clinic.connection)}
    assert list(decided.findings()) == []


def test_each_decision_was_announced_once_and_nothing_else_was(clinic: Clinic) -> None:
    """Of each upload: that it was filed, and, where somebody decided, that it was filed anew, and where it had been."""
    by_key: dict[str, list[dict[str, Any]]] = {}
    for event in clinic.announced():
        by_key.setdefault(event["detail"]["source"]["key"], []).append(event)
    failed = by_key.pop("documents/empty.pdf")
    assert {it["detail-type"] for it in failed} == {"Object Failed"}
    decisions = {(about, *rest) for about, *rest in DECISIONS if about not in TREES.values()}
    decisions |= {
        (key, *rest) for about, *rest in DECISIONS if about in TREES.values() for key in messages(about)
    }
    for key, type_, by, patient, why in decisions:
        assert by_key[key][0]["detail"]["patient"]["status"] == "unknown"
        filed = [it["detail"] for it in by_key[key] if it["detail-type"] == "Object Cataloged"]
        assert len(filed) == 2, key
        assert "decision" not in filed[0]
        told = filed[1]["decision"]
        assert (told["type"], told["decided_by"], told.get("reason")) == (type_, by, why)
        assert filed[1]["patient"].get("id") == patient
        retired = [it["detail"] for it in by_key[key] if it["detail-type"] == "Object Retired"]
        assert len(retired) == (patient is not None), key
    for key in LEFT:
        assert [it["detail-type"] for it in by_key[key]] == ["Object Cataloged"]
        assert "decision" not in by_key[key][0]["detail"]


def announced_as(clinic: Clinic, key: str, decision: str) -> dict[str, Any] | None:
    """The event by which a decision about an upload was announced."""
    for event in clinic.announced():
        detail, kind = event["detail"], event["detail-type"]
        is_about = kind == "Object Cataloged" and detail["source"]["key"] == key
        if is_about and detail.get("decision", {}).get("type") == decision:
            return dict(detail)
    return None


def test_a_decision_is_taken_back_a_day_later(clinic: Clinic, browser: Browser) -> None:
    with inbox(clinic.aws, OTHER) as server:
        clerk = Clerk.at(browser, server.address)
        clerk.go("/decisions")
        clerk.page.get_by_role("button", name="Take back: scan_0412.pdf").focus()
        clerk.press("Enter")
        assert "scan_0412.pdf: decision taken back" in clerk.toasts()
    entry = clinic.entry("documents/scan_0412.pdf")
    assert entry is not None
    assert (entry.patient, entry.prefix) == (None, "processed/unknown_scan_0412/")
    decision = clinic.manifest("documents/scan_0412.pdf")["classification"]["decision"]
    assert (decision["type"], decision["decided_by"]) == ("take-back", OTHER)
    source_id = Source(clinic.connection.landing, "documents/scan_0412.pdf").source_id
    assert clinic.decided()[source_id] == {("take-back", OTHER, None, None)}
    latest = eventually(lambda: announced_as(clinic, "documents/scan_0412.pdf", "take-back"))
    assert (latest["patient"]["status"], latest["decision"]) == ("unknown", decision)
    records = list(Decided(clinic.connection).all())
    assert [(it.type, it.content["key"]) for it in records[-1:]] == [("take-back", "documents/scan_0412.pdf")]
    assert len(records) == len(DECISIONS) + 2
    assert list(Decided(clinic.connection).findings()) == []


def test_of_two_clerks_the_second_sees_the_first_and_a_decision_on_what_changed_is_refused(
    clinic: Clinic, browser: Browser
) -> None:
    with inbox(clinic.aws, BY) as one, inbox(clinic.aws, OTHER) as other:
        ana, luis = Clerk.at(browser, one.address), Clerk.at(browser, other.address)
        ana.open("question.txt")
        luis.go("/")
        assert f"{BY} is looking at this" in luis.text
        luis.open("question.txt")
        assert luis.page.locator("#nobody").is_disabled()
        clinic.put(Upload("documents/question.txt", b"For Juan.\n", (("patient-id", JUAN),)))
        eventually(lambda: clinic.patient_of("documents/question.txt") == JUAN, 60)
        ana.nobodys("no idea")
        assert f"it is filed under {JUAN} now" in ana.text
    assert clinic.patient_of("documents/question.txt") == JUAN


def test_a_document_full_of_script_runs_and_reaches_nothing(clinic: Clinic, browser: Browser) -> None:
    with inbox(clinic.aws, BY) as server:
        asked: list[str] = []
        clerk = Clerk.at(browser, server.address)
        clerk.page.on("request", lambda request: asked.append(request.url))
        clerk.page.on("dialog", lambda dialog: asked.append(dialog.message))
        clinic.put(Upload("documents/again.html", HOSTILE))
        eventually(lambda: clinic.entry("documents/again.html"), 60)
        clerk.go("/?order=newest")
        clerk.open("again.html")
        clerk.go(clerk.page.url.removeprefix(clerk.base) + "?show=page")
        frame = clerk.page.frames[1]
        frame.wait_for_load_state()
        assert "nothing of note" in frame.content()
        assert clerk.page.title() == "Carefile inbox"
        assert all(url.startswith(clerk.base) or url.startswith("data:image/") for url in asked), asked
        # A frame cannot be made to run anything either by whoever gets hold of its document.
        assert frame.evaluate("window.origin") == "null"


def test_nothing_listens_but_on_this_machine(clinic: Clinic) -> None:
    with inbox(clinic.aws, BY) as server:
        assert listeners(server.process.pid) == {"127.0.0.1"}


def test_a_server_that_is_left_sends_what_is_held(clinic: Clinic, browser: Browser) -> None:
    with inbox(clinic.aws, BY) as server:
        clerk = Clerk.at(browser, server.address)
        clerk.open("leaflet.txt")
        clerk.nobodys("our own leaflet")
        clerk.page.get_by_role("button", name="Leave", exact=True).click()
        assert server.process.wait(120) == 0
    assert (
        clinic.manifest("documents/leaflet.txt")["classification"]["decision"]["reason"] == "our own leaflet"
    )


def listeners(pid: int) -> set[str]:
    """The addresses on which a process listens."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(link.readlink()))
        except OSError:
            continue
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                address = bytes.fromhex(fields[1].partition(":")[0])
                found.add(".".join(map(str, reversed(address))) if len(address) == 4 else address.hex())
    return found
