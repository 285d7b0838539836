"""How the inbox looks: templates filled with what the desk says, in the language of the person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import HTMLResponse, Response

from carefile.cli.aws.entries import SessionSummary
from carefile.cli.inbox.candidates import Point
from carefile.cli.inbox.decisions import One, Status, Taken
from carefile.cli.inbox.desk import Case, Desk
from carefile.cli.inbox.highlights import boxes, segments
from carefile.cli.inbox.queue import Page, Row, Shelf
from carefile.cli.inbox.sitting import Sitting
from carefile.cli.inbox.texts import LANGUAGES, Say, say_in
from carefile.cli.patients.deciding import Changed
from carefile.cli.problem import Problem
from carefile.cli.shown.view import sized
from carefile.core.model import Evidence, EvidenceSource, UnknownReason
from carefile.page.render import as_shown

_HERE = Path(__file__).parent
_STEPS = ((86_400, "age.days.n"), (3_600, "age.hours.n"), (60, "age.minutes.n"))
_MOST_TOASTS = 4
_SHORT = 12_000  # characters of a passage that are shown beside the pictures


_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Static:
    body: bytes
    media_type: str


STATIC = {
    path.name: Static(path.read_bytes(), _TYPES[path.suffix]) for path in sorted((_HERE / "static").iterdir())
}


class Pages:
    def __init__(self, desk: Desk, base: str) -> None:
        self._desk, self._base = desk, base
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=as_shown,
        )
        self._templates.globals |= {
            "base": base,
            "row_id": lambda row: desk.opaque.seal("row", row.key),
            "patient_id": lambda id_: desk.opaque.seal("patient", id_),
            "decision_id": lambda id_: desk.opaque.seal("decision", id_),
            "seen": lambda row: desk.opaque.seal("seen", row.state),
            "languages": LANGUAGES,
            "sized": sized,
        }

    def queue(self, sitting: Sitting, page: Page, following: str, after: str) -> Response:
        return self._page(
            "queue.html.jinja",
            sitting,
            here="queue",
            failures=self._desk.failures() if sitting.view.shelf is Shelf.FAILED else [],
            page=page,
            following=following,
            is_first=not after,
            claims=self._desk.claims.others([row.key for row in page.rows]),
            notes=self._desk.notes.counts([row.key for row in page.rows]),
            shelves=tuple(Shelf),
            view=sitting.view,
            counts=self._desk.counts(),
        )

    def case(
        self, sitting: Sitting, case: Case, sought: str, found: Sequence[str] | None, show: str
    ) -> Response:
        keys = [row.key for row in sitting.rows]
        at = keys.index(case.row.key)
        marks = case.sought
        passages = [
            (page, kind, list(segments(text[:_SHORT], marks)))
            for page, kind, text in case.document.passages()
        ]
        pictures = [(picture, boxes(picture.words, marks)) for picture in case.document.pictures]
        people = [self._desk.candidates.chosen(id_, case.row, "") for id_ in found or ()]
        return self._page(
            "case.html.jinja",
            sitting,
            here="case",
            show="page" if case.row.is_session or show == "page" else "picture",
            case=case,
            row=case.row,
            rows=sitting.rows,
            before=sitting.rows[at - 1] if at else None,
            following=sitting.rows[at + 1] if at + 1 < len(keys) else None,
            passages=passages,
            pictures=pictures,
            sought=sought,
            people=None if found is None else people,
            can_note=self._desk.notes.can_be_left,
            has_directory=self._desk.candidates.has_directory,
            is_listed_only=self._desk.candidates.are_listed_only,
        )

    def decisions(self, sitting: Sitting) -> Response:
        return self._page(
            "decisions.html.jinja",
            sitting,
            here="decisions",
            taken=self._desk.decisions.all(),
            earlier=self._desk.before(),
        )

    def toasts(self, sitting: Sitting) -> Response:
        """What becomes of decisions, to be put into a page that is shown."""
        notice, sitting.notice = sitting.notice, None
        answer = self._page("toasts.html.jinja", sitting)
        sitting.notice = notice
        return answer

    def gone(self, sitting: Sitting) -> Response:
        return self._page("message.html.jinja", sitting, 404, name="gone", values={}, to_do="")

    def left(self, sitting: Sitting) -> Response:
        return self._page("message.html.jinja", sitting, name="left", values={}, to_do="")

    def problem(self, sitting: Sitting, problem: Problem) -> Response:
        values = {"what": problem.what}
        return self._page(
            "message.html.jinja", sitting, 502, name="problem", values=values, to_do=problem.to_do
        )

    def nothing(self, sitting: Sitting) -> str:
        """What stands in the frame of a document that has no page."""
        return self._templates.get_template("nothing.html.jinja").render(t=say_in(sitting.language))

    def _page(self, template: str, sitting: Sitting, status: int = 200, /, **values: Any) -> Response:
        say = say_in(sitting.language)
        notice, sitting.notice = sitting.notice, None
        html = self._templates.get_template(template).render(
            **{"here": "", **values},
            t=say,
            sitting=sitting,
            notice=notice and say(notice[0], **notice[1]),
            toasts=self._toasts(),
            seconds_left=self._desk.decisions.seconds_left,
            why=lambda row: _why(row, say),
            point=lambda point: _sentence(point, say),
            evidence=lambda one, row: _evidence(one, row, say),
            age=lambda text: _age(text, say),
            moment=lambda text: _moment(text),
            born=lambda dates: _born(dates, say),
            about=lambda found: _about(found, say),
            refusal=lambda one: _refusal(one, say),
        )
        return HTMLResponse(html, status)

    def _toasts(self) -> list[Taken]:
        """The decisions to be shown on every page: what can be undone, and what was refused."""
        shown = (Status.HELD, Status.SENDING, Status.CHANGED, Status.FAILED)
        return [taken for taken in self._desk.decisions.all() if taken.status in shown][:_MOST_TOASTS]


def _why(row: Row, say: Say) -> str:
    """Say in one line why a row waits."""
    if row.same_bytes:
        return say("why.same_bytes", patients=", ".join(row.same_bytes))
    named = " ".join(dict.fromkeys(_evidence(one, row, say) for one in row.filed.about_patient[:3]))
    if row.filed.suggestions:
        suggested = say("why.suggested", patients=", ".join(one.patient_id for one in row.filed.suggestions))
        ids = {one.patient_id for one in row.filed.suggestions}
        others = (one for one in row.filed.about_patient if one.value not in ids)
        return " ".join([suggested, *dict.fromkeys(_evidence(one, row, say) for one in islice(others, 2))])
    return named or say("why.nothing")


def _evidence(one: Evidence, row: Row, say: Say) -> str:
    is_mere_folder = one.source is EvidenceSource.KEY and row.reason == UnknownReason.NO_EVIDENCE
    name = "evidence.folder" if is_mere_folder else f"evidence.{one.source.value}"
    text = say(name, value=one.value, where=one.where)
    return f"{text} {say('evidence.unlisted')}" if one.listed is False else text


def _sentence(point: Point, say: Say) -> str:
    return say(point.name, **dict(point.values))


def _age(text: str, say: Say) -> str:
    seconds = (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    for length, name in _STEPS:
        if seconds >= length:
            return say(name, n=int(seconds // length))
    return say("age.now")


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _born(dates: Iterable[str], say: Say) -> str:
    return " / ".join(_day(date, say) for date in dates) or say("patient.born.unknown")


def _day(date: str, say: Say) -> str:
    year, *rest = date.split("-")
    months = say("months").split(" ")
    words = [str(int(rest[1]))] if len(rest) == 2 else []
    words += [months[int(rest[0]) - 1]] if rest else []
    return " ".join([*words, year])


def _about(found: Any, say: Say) -> str:
    """Describe in a line what is filed under a patient."""
    if isinstance(found, SessionSummary):
        return say("filed.session", name=found.session_id, when=found.last_activity[:10])
    return say("filed.document", name=found.landing_key.rpartition("/")[2], when=found.modified[:10])


def _refusal(one: One, say: Say) -> str:
    """Say why a decision was not carried out; of what changed, what it is now."""
    if not isinstance(one.problem, Changed):
        return one.problem.what if one.problem else ""
    now = one.problem.now
    if now is None:
        return say("changed.gone")
    if now.patient is None:
        return say("changed.unknown", revision=now.revision)
    return say("changed.to", patient=now.patient, revision=now.revision)
