"""Whose a session or a document is, by a person's word, or that it is nobody's, or that an earlier word no longer
holds: record it, list what is to be moved, see that nothing stayed.

The decision is recorded before anything is listed. So an object that an intake filed without knowing it is there, in
its old folder and in the landing bucket, when the listing is made; any other intake follows the decision by itself
(docs/convergence.md). Moving is the pipeline's own work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carefile.core.deciding.agent_sessions import prefixes_of
from carefile.core.deciding.classification import classify, session_tree
from carefile.core.deciding.rules import RuleTable
from carefile.core.deciding.standing import Standing
from carefile.core.errors import AssignmentConflict, LeftBehind, RejectedAssignment
from carefile.core.filing.layout import Layout
from carefile.core.filing.names import SESSION_PREFIX, with_session_prefix
from carefile.core.filing.stamps import noted
from carefile.core.messages import events, note_request
from carefile.core.messages.assignment_request import AssignmentRequest, Subject, parse
from carefile.core.messages.events import owner_in
from carefile.core.messages.head import proves, version_name
from carefile.core.messages.intake_request import decided_at, precedes
from carefile.core.model import Decision, DecisionType, Hints, Patient, Source
from carefile.core.patients.directory import Wanted
from carefile.core.records.session_entries import Place
from lambdas.adapters.contracts import accept_assignment
from lambdas.adapters.folders import Folders
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.intake.recording import Recording
from lambdas.intake.whereabouts import Whereabouts

if TYPE_CHECKING:
    from lambdas.adapters.people.directory import Directory

PAGE = 500  # objects; their keys and results stay below what a state may put out, 256 KiB
_PAGE_BYTES = 150_000
Json = dict[str, Any]


def first_page(items: Iterable[tuple[Json, str]]) -> Json:
    """As many of these as a state may put out; `next` is the place of the last of them, empty where they are all."""
    page: list[Json] = []
    size, last = 0, ""
    for item, place in items:
        if len(page) == PAGE or size > _PAGE_BYTES:
            return {"items": page, "next": last}
        page.append(item)
        last = place
        # As Step Functions counts it: what JSON escapes takes up to six bytes for one.
        size += len(json.dumps(item, ensure_ascii=False).encode())
    return {"items": page, "next": ""}


def raise_if_left(left: Counter[str]) -> None:
    """LeftBehind if there are objects in any of these folders."""
    if left:
        raise LeftBehind(
            f"left-behind: {left.total()} objects are still in {len(left)} folders where they were; their landing "
            "objects may be gone for good, or an intake of theirs failed"
        )


def _has_changed(request: AssignmentRequest, subject: Subject, at: str) -> bool:
    """Whether what is filed is not what was decided about. Who named a key or a folder, and not what they saw there,
    did not see what was uploaded later."""
    if request.seen is not None:
        return request.seen != (subject.folder, subject.version)
    return subject.uploaded is not None and precedes(at, subject.uploaded)


@dataclass(frozen=True)
class Assigning:
    landing: Landing
    ledger: Ledger
    folders: Folders
    where: Whereabouts
    layout: Layout
    rules: RuleTable
    allowed_buckets: frozenset[str]
    now: Callable[[], datetime]
    recording: Recording
    directory: Directory | None = None

    def assign(
        self, data: Mapping[str, Any], started: object = None, execution: str = "", *, only_plan: bool = False
    ) -> Json:
        """Accept a decision and record it, or raise; return what is to be moved. A plan records nothing."""
        accept_assignment(data)
        request, mine = self._as_listed(parse(data, self.rules))
        subject = self._subject(request)
        if self.layout.holds(subject.path):
            raise RejectedAssignment(
                "adopted-in-place: it was adopted where it stands, so there is no landing object to be taken in again; "
                "`carefile adopt --into-landing` brings a session of nobody into the landing bucket"
            )
        request = self._with_merged(request, subject)
        filed = self._filed(subject)
        if request.type is not DecisionType.TAKE_BACK:
            self._refuse_others((*mine, *request.replacing), filed)
        standing = self.standing(subject)
        at = events.iso_8601(decided_at(data, started) or self.now())
        decided = standing.after(request, at)
        if decided is not standing and _has_changed(request, subject, at):
            raise AssignmentConflict(
                "changed-since: what is filed is another version, or elsewhere, than was looked at; look at it again"
            )
        if not only_plan:
            if decided is not standing:
                self._record(subject, decided)
            self.recording.decided(request, subject, standing, decided, execution)
        return {
            "subject": subject.to_json(),
            "decision": request.type.value,
            **({"patient_id": request.patient_id} if request.patient_id is not None else {}),
            "from": sorted(decided.leaving),
            "filed": [{"folder": folder, "objects": count} for folder, count in sorted(filed.items())],
            **self._target_of(request, subject, mine),
            "nothing_to_move": self._is_done(request, subject, filed, decided, mine),
        }

    def note(self, data: Mapping[str, Any]) -> Json:
        """Record a note about what is filed in a folder. It decides nothing, and no intake reads it."""
        request = note_request.parse(data)
        subject = self._at(request.prefix.rstrip("/") + "/")
        place = Place(self.folders.bucket, request.prefix.rstrip("/") + "/")
        return self.recording.noted(request, subject, place)

    def _as_listed(self, request: AssignmentRequest) -> tuple[AssignmentRequest, tuple[str | None, ...]]:
        """The request with everybody whom it names by all their ids, and the patient's, the one they have now last.

        An intake would not follow an assignment to somebody unlisted anyway (I8); this says so before anything is
        recorded.
        """
        patient = request.patient_id
        named = request.replacing | frozenset(() if patient is None else (patient,))
        if self.directory is None or not named:
            return request, (patient,)
        listing = self.directory.look_up(Wanted(named))
        mine: tuple[str | None, ...] = (patient,)
        if patient is not None:
            current = listing.clinic_id(patient)
            if current is None:
                raise RejectedAssignment(
                    "unlisted-patient: the patient directory does not list the patient; import the patient first, or "
                    "look the id up with `carefile patients search`"
                )
            mine = tuple(dict.fromkeys((patient, current)))
        merged = filter(None, map(listing.clinic_id, request.replacing))
        others = frozenset(one for one in (*request.replacing, *merged) if one not in mine)
        return replace(request, replacing=others), mine

    def _with_merged(self, request: AssignmentRequest, subject: Subject) -> AssignmentRequest:
        """The request with the id by which a session is assigned now, if that means somebody whom the request names."""
        if self.directory is None or subject.session_id is None or request.type is DecisionType.TAKE_BACK:
            return request
        before = self.standing(subject).patient_id
        if before is None or before == request.patient_id:
            return request
        patient = frozenset(() if request.patient_id is None else (request.patient_id,))
        listing = self.directory.look_up(Wanted(patient | {before}))
        named = request.replacing | frozenset(filter(None, map(listing.clinic_id, patient)))
        same = listing.clinic_id(before) in named
        return replace(request, replacing=request.replacing | {before}) if same else request

    def _refuse_others(self, allowed: Iterable[str | None], filed: Iterable[str]) -> None:
        those = {None, *allowed}
        if not all(any(self.where.is_of(folder, one) for one in those) for folder in filed):
            raise AssignmentConflict(
                "filed-otherwise: it is filed under a patient already whom the assignment does not name; look at it, "
                "and name the patient it is to be taken from"
            )

    def _is_done(
        self,
        request: AssignmentRequest,
        subject: Subject,
        filed: Iterable[str],
        decided: Standing,
        mine: tuple[str | None, ...],
    ) -> bool:
        """Whether everything is where the decision has it, and shows it."""
        if request.type is not DecisionType.TAKE_BACK:
            patient = Patient(mine[-1])
            there = all(any(self.where.is_of(folder, one) for one in mine) for folder in filed)
            if not (there and self._is_settled(subject, patient, filed)):
                return False
        if subject.folder is not None:
            return self._shows(subject, decided.decision)
        if request.type is DecisionType.ASSIGN and self._left(subject, request.replacing):
            return False
        return not any(self.where.unmarked(folder, noted(decided.decision)) for folder in filed)

    def page(self, subject: Subject, after: str = "") -> Json:
        """What is to be taken in again, as the pipeline's input, in pages; `next` is where the next one begins."""
        if subject.session_id is None:
            return {"items": [{"bucket": subject.bucket, "key": subject.path}], "next": ""}
        return first_page((item, item["key"]) for item in self.uploads(subject, after))

    def verify(self, subject: Subject, replacing: frozenset[str]) -> None:
        """Raise LeftBehind if any of it is still where it was."""
        raise_if_left(self._left(subject, replacing))

    # What is meant

    def _subject(self, request: AssignmentRequest) -> Subject:
        if request.session_id is not None:
            return self._session(request, request.session_id)
        if request.prefix is not None:
            return self._at(request.prefix.rstrip("/") + "/")
        return self._of_key(request.bucket or self._only_bucket(), request.key or "")

    def _session(self, request: AssignmentRequest, session_id: str) -> Subject:
        """The one trusted session of that id among those of the patients it is taken from, then of nobody, then of the
        patient it is given to. One that is not trusted stands in nobody's way. What begins with `session_` may be the
        id as the layout has it, or the manager's own."""
        names = dict.fromkeys((with_session_prefix(session_id), f"{SESSION_PREFIX}{session_id}"))
        places: list[list[str | None]] = [[*sorted(request.replacing)], [None]]
        places += [[request.patient_id]] if request.patient_id is not None else []
        doubtful = 0
        for patients in places:
            found = {
                subject
                for patient in patients
                for name in names
                for folder in self.where.named(patient, name)
                if (subject := self.where.session_at(folder, name)) and self.folders.objects(folder)
            }
            trusted = {subject for subject in found if self._is_trusted(subject)}
            doubtful += len(found - trusted)
            if len(trusted) > 1:
                raise RejectedAssignment(
                    f"ambiguous-session: {len(trusted)} sessions of different origin have this id there; name one by "
                    "the landing key of one of its objects, or by its folder"
                )
            if trusted:
                return trusted.pop()
        if doubtful:
            raise RejectedAssignment(
                "untrusted-session: a session of this id is filed, but its landing key is of no convention, so anybody "
                "may have chosen the id; look at it, and name it by the landing key of one of its objects, or by its "
                "folder"
            )
        raise RejectedAssignment(
            "session-not-found: no session of that id is filed, neither as unknown nor under a patient it is taken from"
        )

    def _is_trusted(self, subject: Subject) -> bool:
        """Whether the rule of its landing keys trusts who writes there. What was adopted in place has none."""
        if self.layout.holds(subject.path):
            return True
        upload = next(self.uploads(subject), None)
        key = upload["key"] if upload else subject.path + "session.json" * subject.path.endswith("/")
        return self.rules.match(key).rule.trusted

    def _at(self, folder: str) -> Subject:
        manifest = (self.folders.manifest(folder) if self.layout.holds(folder) else None) or {}
        if manifest.get("state") == "session":
            return Subject(manifest["owner"]["bucket"], manifest["owner"]["tree"], manifest["session_id"])
        if manifest.get("state") != "filed":
            raise RejectedAssignment(
                f"nothing-filed: no document or session is filed in a folder of that name under {self.layout.prefix}"
            )
        source = manifest["source"]
        version = version_name(source.get("version_id"), source["etag"], source["last_modified"])
        return Subject(
            source["bucket"], source["key"], folder=folder, version=version, uploaded=source["last_modified"]
        )

    def _of_key(self, bucket: str, key: str) -> Subject:
        if bucket not in self.allowed_buckets:
            raise RejectedAssignment("bucket-not-allowed: that is no landing bucket of this deployment")
        tree = session_tree(key, self.rules)
        if tree is not None:
            session = classify(key, (), self.rules).session
            return Subject(bucket, tree, session.session_id if session else "")
        source = Source(bucket, key)
        for folder in sorted(self.ledger.read(source).destinations):
            manifest = (self.folders.manifest(folder) if folder.endswith("/") else None) or {}
            if manifest.get("state") == "filed" and manifest["source"]["key"] == key:
                return self._at(folder)
        raise RejectedAssignment(
            "nothing-filed: nothing of that landing key is filed as a document; keys are exact"
        )

    def _only_bucket(self) -> str:
        if len(self.allowed_buckets) > 1:
            raise RejectedAssignment(
                "ambiguous-bucket: there are several landing buckets; name one as `bucket`"
            )
        return next(iter(self.allowed_buckets))

    # What is there

    def _filed(self, subject: Subject) -> Counter[str]:
        """The folders it is in, with how many of its objects each has."""
        if subject.folder is not None:
            return Counter({subject.folder: 1})
        return self.where.filed(Source(item["bucket"], item["key"]) for item in self.uploads(subject))

    def _is_settled(self, subject: Subject, patient: Patient, filed: Iterable[str]) -> bool:
        """Whether nothing of it would get another name below the patient: a decision opens the plain one to a session,
        unless it is another's."""
        if subject.session_id is None:
            return True
        plain = self._target(subject, patient)
        if all(folder in (plain, subject.folder) for folder in filed):
            return True
        owner = owner_in(self.folders.manifest(plain) or {})
        return owner not in (None, subject.owner.owner_id)

    def uploads(self, subject: Subject, after: str = "") -> Iterator[Json]:
        """The pipeline's input for each landing object of a session or document that has, or had, something in it."""
        prefixes = prefixes_of(subject.path) if subject.session_id is not None else (subject.path,)
        for prefix in prefixes:
            if after < prefix or after.startswith(prefix):
                for item in self.landing.uploads(subject.bucket, prefix, after):
                    of_session = subject.session_id is not None
                    whole = session_tree(item["key"], self.rules) if of_session else item["key"]
                    if whole == subject.path:
                        yield item

    def _left(self, subject: Subject, replacing: frozenset[str]) -> Counter[str]:
        """The objects in the folders where it was, or may have been: nobody's, and those of whom it is taken from. What
        is to stay, or may, has to show the decision."""
        standing = self.standing(subject)
        decided = standing.decision.type if standing.decision else DecisionType.ASSIGN
        if subject.folder is not None:
            now = self.folders.manifest(subject.folder) or {}
            same = now.get("state") == "filed" and self._at(subject.folder) == subject
            # What is of none of these is the patient's, perhaps by the id of somebody they were merged with.
            others = (None, *replacing)
            may_stay = decided is not DecisionType.ASSIGN or not any(
                self.where.is_of(subject.folder, one) for one in others
            )
            left = same and not (may_stay and self._shows(subject, standing.decision))
            return Counter({subject.folder: 1} if left else {})
        if decided is DecisionType.TAKE_BACK:
            folders = self.where.of_session(subject, sorted(replacing))
            return +Counter({it: self.where.unmarked(it, noted(standing.decision)) for it in folders})
        nobodys = (None,) if decided is DecisionType.ASSIGN else ()
        return self.where.left(subject, (*nobodys, *sorted(replacing)))

    def _shows(self, subject: Subject, decision: Decision | None) -> bool:
        """Whether a document's manifest shows a decision."""
        manifest = (self.folders.manifest(subject.folder) if subject.folder else None) or {}
        shown = manifest.get("classification", {}).get("decision")
        return bool(shown == (decision.to_json() if decision else None))

    def _target_of(
        self, request: AssignmentRequest, subject: Subject, mine: tuple[str | None, ...]
    ) -> dict[str, str]:
        """Where it will be, if it is decided: only an intake knows what the evidence says."""
        if request.type is DecisionType.TAKE_BACK:
            return {}
        return {"to": self._target(subject, Patient(mine[-1]))}

    def _target(self, subject: Subject, patient: Patient) -> str:
        if subject.session_id is not None:
            return self.layout.session_stem(patient, subject.session_id) + "/"
        name = classify(subject.path, (), self.rules).document_name
        return next(self.layout.document_folders(patient, name, Source(subject.bucket, subject.path)))

    # What is decided

    def standing(self, subject: Subject) -> Standing:
        """What stands decided about it now."""
        if subject.version is None:
            return Standing.of_assignment(*self.ledger.read_session(subject.owner))
        return Standing.of_hints(self._hints(subject, self._content_digest(subject)))

    def _hints(self, subject: Subject, content: str | None) -> Hints:
        entry = self.ledger.read(Source(subject.bucket, subject.path))
        return entry.hints_for(subject.version or "", content) or Hints()

    def _record(self, subject: Subject, decided: Standing) -> None:
        """A session's decision holds for all its objects, those to come included; a document's for this version and
        these bytes, also when they are sent again, since tomorrow's file of the same name may be somebody else's."""
        decision = decided.decision
        if decision is None:
            return
        if subject.version is None:
            at = decision.decided_at
            self.ledger.assign(subject.owner, decided.patient_id, decided.leaving, at, decision)
            return
        content = self._content_digest(subject)
        wanted = decided.hints(self._hints(subject, content))
        source = Source(subject.bucket, subject.path)
        self.ledger.decide(source, subject.version, wanted, decision.decided_at, content)
        if self._hints(subject, content) != wanted:
            raise AssignmentConflict(
                "decided-otherwise: a later decision about the document is there; look at it"
            )

    def _content_digest(self, subject: Subject) -> str | None:
        """The digest of a filed document's bytes, by its manifest, or, of what an earlier release filed, by them. None
        where only a checksum is known that proves nothing, as of more than S3 copies at once."""
        manifest = (self.folders.manifest(subject.folder) if subject.folder else None) or {}
        digest = manifest.get("source", {}).get("content_digest")
        if digest is None and manifest.get("state") == "filed":
            digest = self.folders.content_digest(manifest["artifacts"][0]["key"])
        return digest if proves(digest) else None
