"""The pages of the inbox as an application: what is asked for by which address, and what a form changes.

It knows a person (`Sitting`), and nothing of how they proved who they are, or of what serves it: on this machine that
is `server.py` behind `guard.py`. Addresses hold sealed names only (`opaque.py`).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from carefile.cli.aws.entries import SessionSummary
from carefile.cli.inbox.decisions import Status
from carefile.cli.inbox.desk import Desk
from carefile.cli.inbox.guard import SANDBOX
from carefile.cli.inbox.pages import STATIC, Pages
from carefile.cli.inbox.queue import Row, Shelf, View
from carefile.cli.inbox.sitting import Sitting
from carefile.cli.inbox.texts import LANGUAGES
from carefile.cli.inbox.viewing import attachment, framed
from carefile.cli.problem import Problem, problem_for
from carefile.core.deciding.identity import identity
from carefile.core.model import DecisionType
from carefile.core.patients.dates import birth_date

Form = Mapping[str, list[str]]
_MOST_REASON = 1_000  # characters, by the schema of a decision
_MOST_ID = 256


class Refused(Exception):
    """What a form asks for is not done; `name` is the text that says why."""

    def __init__(self, name: str, **values: str) -> None:
        super().__init__(name)
        self.name, self.values = name, values


def application(desk: Desk, base: str, *, leave: Callable[[], None]) -> Starlette:
    inbox = _Inbox(desk, Pages(desk, base), base, leave)
    routes = [
        Route("/", inbox.of(inbox.queue)),
        Route("/search", inbox.of(inbox.search), methods=["POST"]),
        Route("/case/{id}", inbox.of(inbox.case)),
        Route("/case/{id}/find", inbox.of(inbox.find), methods=["POST"]),
        Route("/case/{id}/decide", inbox.of(inbox.decide), methods=["POST"]),
        Route("/case/{id}/claim", inbox.of(inbox.claim), methods=["POST"]),
        Route("/case/{id}/page", inbox.of(inbox.own_page)),
        Route("/case/{id}/picture/{number:int}", inbox.of(inbox.picture)),
        Route("/case/{id}/original", inbox.of(inbox.original)),
        Route("/decisions", inbox.of(inbox.decisions)),
        Route("/decisions/undo", inbox.of(inbox.undo), methods=["POST"]),
        Route("/decisions/again", inbox.of(inbox.again), methods=["POST"]),
        Route("/decisions/back", inbox.of(inbox.take_back), methods=["POST"]),
        Route("/settings", inbox.of(inbox.settings), methods=["POST"]),
        Route("/leave", inbox.of(inbox.leave), methods=["POST"]),
        Route("/alive", inbox.of(inbox.alive)),
        Route("/toasts", inbox.of(inbox.toasts)),
        Route("/counts", inbox.of(inbox.counts)),
        Route("/static/{name}", inbox.of(inbox.static)),
    ]
    return Starlette(routes=routes, exception_handlers={404: inbox.missing})


class _Inbox:
    def __init__(self, desk: Desk, pages: Pages, base: str, leave: Callable[[], None]) -> None:
        self._desk, self._pages, self._base, self._leave = desk, pages, base, leave

    def of(self, answer: Callable[[Request, Sitting, Form], Response]) -> Callable[..., object]:
        """An endpoint that answers in a thread, and shows what went wrong as a page."""

        async def endpoint(request: Request) -> Response:
            sitting, form = request.scope["sitting"], request.scope.get("form", {})
            try:
                return await run_in_threadpool(answer, request, sitting, form)
            except Refused as refused:
                sitting.notice = (refused.name, refused.values)
                return self._to(request.headers.get("referer", ""), fallback="/")
            except (Problem, ClientError, BotoCoreError, Boto3Error) as error:
                problem = error if isinstance(error, Problem) else problem_for(error)
                return await run_in_threadpool(self._pages.problem, sitting, problem)
            except Exception as error:  # its text may name a patient, and belongs in no log
                return await run_in_threadpool(self._pages.problem, sitting, _unexpected(error))

        return endpoint

    # The queue

    def queue(self, request: Request, sitting: Sitting, _: Form) -> Response:
        asked = request.query_params
        shelf, kind = asked.get("shelf", Shelf.ALL.value), asked.get("kind", "")
        view = View(
            Shelf(shelf) if shelf in tuple(Shelf) else Shelf.ALL,
            kind if kind in ("document", "session") else "",
            asked.get("order") == "newest",
            sitting.view.text if "found" in asked else "",
        )
        return self._queue(sitting, view, asked.get("after", ""))

    def search(self, _: Request, sitting: Sitting, form: Form) -> Response:
        """Search by POST, so that what is sought stands in no address and no history."""
        view = replace(sitting.view, text=_first(form, "text")[:200].strip())
        return self._queue(sitting, view, _first(form, "after"))

    def _queue(self, sitting: Sitting, view: View, after: str) -> Response:
        self._desk.look_away(sitting)
        page, following = self._desk.page(view, after)
        sitting.view, sitting.rows = view, page.rows
        return self._pages.queue(sitting, page, following, after)

    def counts(self, _: Request, _sitting: Sitting, _form: Form) -> Response:
        more = self._desk.queue.count_on()
        return JSONResponse({"counts": dict(self._desk.counts()), "more": more})

    # One case

    def case(self, request: Request, sitting: Sitting, _: Form) -> Response:
        chosen = self._desk.opaque.open("patient", request.query_params.get("for", ""))
        return self._case(request, sitting, chosen)

    def find(self, request: Request, sitting: Sitting, form: Form) -> Response:
        """Look for another patient; what is found nowhere and may be an id is chosen as one."""
        text = _first(form, "patient").strip()
        found = self._desk.candidates.search(text)
        is_sought = self._desk.candidates.has_directory and (" " in text or bool(birth_date(text)))
        if found or not text or is_sought:
            return self._case(request, sitting, None, sought=text, found=[entry.id for entry in found])
        return self._case(request, sitting, identity(text)[:_MOST_ID], sought=text)

    def _case(
        self,
        request: Request,
        sitting: Sitting,
        chosen: str | None,
        *,
        sought: str = "",
        found: list[str] | None = None,
    ) -> Response:
        key = self._key(request)
        case = self._desk.case(key, sitting, chosen)
        if case is None:
            return self._pages.gone(sitting)
        if not any(row.key == key for row in sitting.rows):
            sitting.rows = [case.row, *sitting.rows]
        return self._pages.case(sitting, case, sought, found, request.query_params.get("show", ""))

    def decide(self, request: Request, sitting: Sitting, form: Form) -> Response:
        key, action = self._key(request), _first(form, "action")
        if action == "skip":
            self._desk.claims.release(key)
            return self._next(sitting, key)
        reason = _first(form, "reason").strip()[:_MOST_REASON]
        if action == "note":
            return self._note(request, sitting, reason)
        rows = [self._as_seen(key, _first(form, "seen"))]
        for name in form.get("with", []):
            other, _, seen = name.partition(".")
            rows.append(self._as_seen(self._opened("row", other), seen))
        patient = None
        if action == "assign":
            id_ = self._desk.opaque.open("patient", _first(form, "for"))
            if id_ is None:
                raise Refused("refused.nobody")
            patient = self._desk.candidates.chosen(id_, rows[0], "")
            if patient.entry is None and identity(_first(form, "again")) != patient.id:
                raise Refused("refused.not_the_same")
            if patient.entry is None and self._desk.candidates.are_listed_only:
                raise Refused("refused.unlisted")
        elif action != "nobody":
            raise Refused("refused.nothing")
        if action == "nobody" and not reason:
            raise Refused("refused.reason")
        others = [self._desk.claims.take(row.key, sitting.clerk.name) for row in rows]
        if any(others):
            raise Refused("refused.claimed")
        kind = DecisionType.ASSIGN if patient else DecisionType.NOBODY
        self._desk.decide(sitting.clerk, kind, rows, patient, reason)
        return self._next(sitting, key, gone={row.key for row in rows})

    def _note(self, request: Request, sitting: Sitting, text: str) -> Response:
        """Leave a note, and the case to others."""
        row = self._row(request)
        if not text:
            raise Refused("refused.note")
        self._desk.notes.leave(row, sitting.clerk.name, text)
        self._desk.claims.release(row.key)
        sitting.notice = ("noted", {"name": row.name})
        return self._next(sitting, row.key)

    def _as_seen(self, key: str, seen: str) -> Row:
        """Return the row if it still is what the person saw."""
        row = self._desk.row(key)
        state = self._desk.opaque.open("seen", seen)
        if row is None or row.found.patient is not None:
            raise Refused("refused.changed.filed", patient=(row.found.patient or "") if row else "")
        if state != row.state:
            raise Refused("refused.changed.version")
        if any(one == key and status is not Status.UNDONE for one, status in self._desk.decisions.about()):
            raise Refused("refused.decided")
        return row

    def claim(self, request: Request, sitting: Sitting, _: Form) -> Response:
        other = self._desk.claims.take(self._key(request), sitting.clerk.name)
        return JSONResponse({"by": other.by if other else None})

    def own_page(self, request: Request, sitting: Sitting, _: Form) -> Response:
        """The document's own page, for a frame in which it can run and reach nothing."""
        html = self._desk.document(self._row(request)).html or self._pages.nothing(sitting)
        return framed(html)

    def picture(self, request: Request, _: Sitting, _form: Form) -> Response:
        pictures = self._desk.document(self._row(request)).pictures
        found = next((one for one in pictures if one.page == request.path_params["number"]), None)
        if found is None:
            return Response(status_code=404)
        return Response(found.data, media_type=found.media_type, headers={"content-security-policy": SANDBOX})

    def original(self, request: Request, _: Sitting, _form: Form) -> Response:
        """The bytes as they were uploaded, for the browser to save and never to show."""
        row = self._row(request)
        if isinstance(row.found, SessionSummary):
            raise Refused("refused.nothing")
        name, body = row.name, self._desk.records.original(row.found.key)
        return attachment(name, body)

    # Decisions

    def decisions(self, _: Request, sitting: Sitting, _form: Form) -> Response:
        return self._pages.decisions(sitting)

    def undo(self, request: Request, sitting: Sitting, form: Form) -> Response:
        taken = self._desk.decisions.undo(_first(form, "id"))
        if taken is None:
            raise Refused("refused.too_late")
        sitting.notice = ("undone", {"name": taken.each[0].name})
        if taken.type is DecisionType.TAKE_BACK:
            return self._to("/decisions")
        return self._to(f"/case/{self._desk.opaque.seal('row', taken.each[0].key)}")

    def again(self, _: Request, _sitting: Sitting, form: Form) -> Response:
        self._desk.decisions.again(_first(form, "id"))
        return self._to("/decisions")

    def take_back(self, _: Request, sitting: Sitting, form: Form) -> Response:
        self._desk.take_back(sitting.clerk, self._opened("decision", _first(form, "id")))
        return self._to("/decisions")

    # The sitting

    def settings(self, request: Request, sitting: Sitting, form: Form) -> Response:
        language = _first(form, "language")
        if language in LANGUAGES:
            sitting.language = language
        if "shortcuts" in form:
            sitting.shortcuts = _first(form, "shortcuts") == "on"
        return self._to(request.headers.get("referer", ""), fallback="/")

    def leave(self, _: Request, sitting: Sitting, _form: Form) -> Response:
        """End the server once this answer is out; what is held is sent then."""
        answer = self._pages.left(sitting)
        self._leave()
        return answer

    def toasts(self, _: Request, sitting: Sitting, _form: Form) -> Response:
        return self._pages.toasts(sitting)

    def alive(self, _: Request, _sitting: Sitting, _form: Form) -> Response:
        return Response(status_code=204)

    def static(self, request: Request, _: Sitting, _form: Form) -> Response:
        found = STATIC.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        return Response(found.body, media_type=found.media_type)

    async def missing(self, request: Request, _: Exception) -> Response:
        return await run_in_threadpool(self._pages.gone, request.scope["sitting"])

    # What is meant

    def _key(self, request: Request) -> str:
        return self._opened("row", request.path_params["id"])

    def _opened(self, what: str, name: str) -> str:
        found = self._desk.opaque.open(what, name)
        if found is None:
            raise Refused("refused.nothing")
        return found

    def _row(self, request: Request) -> Row:
        row = self._desk.row(self._key(request))
        if row is None:
            raise Refused("refused.nothing")
        return row

    def _next(self, sitting: Sitting, key: str, gone: set[str] | None = None) -> Response:
        """Go on to the next row before the person, or back to the queue."""
        keys = [row.key for row in sitting.rows]
        at = keys.index(key) if key in keys else -1
        following = next((one for one in keys[at + 1 :] if one not in (gone or set())), None)
        sitting.rows = [row for row in sitting.rows if row.key not in (gone or set())]
        return self._to(f"/case/{self._desk.opaque.seal('row', following)}" if following else "/")

    def _to(self, path: str, fallback: str = "") -> Response:
        """Answer a form with an address of the inbox; of a referring one only the path below the base counts."""
        _, found, below = path.partition(f"{self._base}/")
        target = f"/{below}" if found else path if path.startswith("/") else fallback
        if target.endswith(("/find", "/decide", "/search")):
            target = target.rpartition("/")[0] or "/"
        return RedirectResponse(self._base + target, status_code=303)


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "")


def _unexpected(error: Exception) -> Problem:
    """A defect of the inbox, by its kind and place alone."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Problem(
        f"an unexpected error: {type(error).__name__} in {PurePath(last.filename).name}:{last.lineno}"
    )
