"""What goes through each composed machine as it is: names of any script, and as much as fits into a state."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.asl.test_whole_machines import INPUTS, Answers, announcements, ended
from tests.asl.whole import called, execute

Json = dict[str, Any]

NAMES = [
    "documents/Zoë Ärzte/ü ß.txt",
    "documents/日本/検査結果.pdf",
    "documents/محمد/تقرير.pdf",
    "documents/Ολγα/😀👩‍⚕️ e\u0301.txt",
    "documents/P/{% $states.input %} ${Concurrency} '\"`\\.txt",
    "documents/P/line\nbreak\ttab\x7f.txt",
    "documents/P/a+b 50%25&c=d,e.pdf",
    "__proto__/constructor/toString",
]


@pytest.mark.parametrize("key", NAMES)
@pytest.mark.parametrize("machine", ["object_pipeline", "express_lane", "backfill", "adoption"])
def test_names_in_any_script_pass_through_as_they_are(machine: str, key: str) -> None:
    answers = Answers()
    answers.listing = [{"Key": key}]
    for name in ("ClassifyObject", "NormaliseDocument"):
        answers.answers[name]["upload"]["key"] = key
    (event,) = copy.deepcopy(announcements()[:1])
    event["detail"]["source"]["key"] = key
    for name in ("NormaliseDocument", "AdoptObject"):
        answers.answers[name] = answers.answers[name] | {"events": [event]}
    given = INPUTS[machine] | ({"key": key} if "key" in INPUTS[machine] else {})
    done = execute(machine, given, answers)
    assert ended(done) == "SUCCEEDED"
    first = "AdoptObject" if machine == "adoption" else "ClassifyObject"
    payload = called(done, first)[0]["Payload"]
    assert payload.get("input", payload)["key"] == key
    assert called(done, "EmitCatalogEvent")[0]["Entries"][0]["Detail"]["source"]["key"] == key


KIB_200 = "é" * 100 * 1024


def wide(event: Json) -> Json:
    """The event with as many objects as 200 KiB hold."""
    (one, *_), objects = event["detail"]["location"]["objects"], []
    for number in range(280):
        objects.append(one | {"key": "é" * 300 + str(number)})
    return {
        **event,
        "detail": event["detail"] | {"location": event["detail"]["location"] | {"objects": objects}},
    }


@pytest.mark.parametrize("machine", ["object_pipeline", "express_lane", "backfill", "adoption"])
def test_announcements_of_200_kib_go_through_every_state(machine: str) -> None:
    answers = Answers()
    event = wide(announcements()[0])
    assert len(json.dumps(event, ensure_ascii=False).encode()) > 200 * 1024
    for name in ("NormaliseDocument", "AdoptObject"):
        answers.answers[name] = answers.answers[name] | {"events": [event]}
    assert ended(execute(machine, INPUTS[machine], answers)) == "SUCCEEDED"


def test_an_input_of_200_kib_reaches_the_function_and_the_promotion() -> None:
    given = INPUTS["express_lane"] | {"note": KIB_200}
    answers = Answers()
    answers.fail("ClassifyObject", "RejectedEvent")
    done = execute("express_lane", given, answers)
    assert called(done, "PromoteObject")[0]["Input"] == given
    assert ended(done) == "SUCCEEDED"


def test_what_is_over_the_limit_of_a_state_is_found() -> None:
    with pytest.raises(AssertionError, match=r"States\.DataLimitExceeded"):
        execute("object_pipeline", INPUTS["object_pipeline"] | {"note": "é" * 131 * 1024}, Answers())


def test_a_page_of_200_kib_goes_through_the_reassignment() -> None:
    items = [{"bucket": "landing", "key": "é" * 500 + str(number)} for number in range(190)]
    answers = Answers(ListObjects={"items": items, "next": ""})
    done = execute("reassign_patient", INPUTS["reassign_patient"], answers)
    output: Any = done.output
    assert output["taken_in"] == 190
