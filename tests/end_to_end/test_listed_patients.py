"""Known means known: a stage whose patients are listed, filled by the command, decides by its directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carefile.cli.app import app
from carefile.core.model import Source
from tests.embedded import ENFORCED, EmbeddedAws, bring_up, eventually, running

# `make test` has it in process (tests/unit/test_listed.py, tests/golden/test_listed.py) and in schedules.
pytestmark = pytest.mark.submission

PATIENTS = "id,name,birth date,identifier:1.2.3\nAna_7,Ana Ruiz,1984-02-11,77\nBen_8,Ben Soto,1971-03-05,\n"
HL7 = (
    "MSH|^~\\&|LIS|LAB|EMR|X|20241028||ORU^R01|1|P|2.5\r"
    "PID|1||{}^^^LAB&1.2.3&ISO^MR||{}||{}|F\rOBX|1|ST|a^b||fine\r"
)


@pytest.fixture(scope="module")
def listed_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An AWS of its own, which enforces IAM, with a stage whose patients are listed."""
    with running(tmp_path_factory.mktemp("listed"), **ENFORCED) as aws:
        listed = EmbeddedAws(replace(aws.settings, stage="local-listed"))
        bring_up(listed)
        yield listed


@pytest.fixture
def carefile(listed_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        ("AWS_ENDPOINT_URL", listed_aws.settings.endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("CAREFILE_STACK", "Carefile-local-listed"),
    ):
        monkeypatch.setenv(name, value)

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout

    return run


def whose(aws: EmbeddedAws, key: str, body: str) -> dict[str, Any]:
    """Upload an object, and whose it is by the catalog."""
    version = aws.client("s3").put_object(
        Bucket=aws.outputs["LandingBucketName"], Key=key, Body=body.encode()
    )["VersionId"]

    def ended() -> dict[str, Any] | None:
        machines = aws.client("stepfunctions")
        for item in machines.list_executions(stateMachineArn=aws.outputs["PipelineStateMachineArn"])[
            "executions"
        ]:
            found = machines.describe_execution(executionArn=item["executionArn"])
            if version in found["input"] and found["status"] != "RUNNING":
                assert found["status"] == "SUCCEEDED", found
                return json.loads(found["output"])
        return None

    return eventually(ended, 60)["classification"]["patient"]


def test_an_import_decides_who_is_known(listed_aws: EmbeddedAws, carefile: Any, tmp_path: Path) -> None:
    unlisted = {"status": "unknown", "reason": "unlisted"}
    assert whose(listed_aws, "documents/Ana_7/before.txt", "hello") == unlisted

    file = tmp_path / "patients.csv"
    file.write_text(PATIENTS)
    assert carefile("patients", "list", "--json") == (0, "")
    code, said = carefile("patients", "import", file, "--yes", "--json")
    assert (code, json.loads(said)["new"]) == (0, 2)
    code, said = carefile("patients", "import", file, "--yes", "--json")
    assert (code, json.loads(said)["unchanged"]) == (0, 2)

    ana = {"status": "known", "id": "Ana_7"}
    assert whose(listed_aws, "documents/Ana_7/after.txt", "hello") == ana
    assert whose(listed_aws, "Ana_7/letters/folder.txt", "hello") == ana
    assert whose(listed_aws, "number.hl7", HL7.format("77", "Ruiz^Ana", "19840211")) == ana
    assert whose(listed_aws, "documents/Ana_1/typo.txt", "hello") == unlisted
    other = HL7.format("Ana_7", "Soto^Ben", "19710305")
    assert whose(listed_aws, "documents/Ana_7/other.hl7", other) == {
        "status": "unknown",
        "reason": "conflict",
    }

    code, said = carefile("patients", "show", "Ana_1", "--json")
    assert (code, json.loads(said)["near"]) == (1, ["Ana_7"])
    code, said = carefile("patients", "search", "ruiz", "--json")
    assert (code, json.loads(said)["patient_id"]) == (0, "Ana_7")


LETTER = "Patient: Ben Soto\nDOB: 5 March 1971\nMRN: Ben_8\n\nDear colleague, all is well.\n"


@contextmanager
def decided_by_text(aws: EmbeddedAws) -> Iterator[None]:
    """While it lasts, the stage files documents as with `corroborated: decide`."""
    client = aws.client("lambda")
    functions = {
        item["FunctionName"]: item["Environment"]["Variables"]
        for page in client.get_paginator("list_functions").paginate()
        for item in page["Functions"]
        if "CORROBORATED" in item.get("Environment", {}).get("Variables", {})
    }
    assert functions
    assert {one["CORROBORATED"] for one in functions.values()} == {"suggest"}
    try:
        for name, variables in functions.items():
            chosen = {"Variables": variables | {"CORROBORATED": "decide"}}
            client.update_function_configuration(FunctionName=name, Environment=chosen)
        yield
    finally:
        for name, variables in functions.items():
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_a_letter_waits_with_its_suggestion_and_is_filed_by_itself_where_the_stage_says_so(
    listed_aws: EmbeddedAws, carefile: Any, tmp_path: Path
) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(PATIENTS)
    assert carefile("patients", "import", file, "--yes", "--json")[0] == 0

    waits = {"status": "unknown", "reason": "no-evidence"}
    assert whose(listed_aws, "inbox/waits.txt", LETTER) == waits

    source_id = Source(listed_aws.outputs["LandingBucketName"], "inbox/waits.txt").source_id

    def entry() -> dict[str, Any] | None:
        found = listed_aws.client("dynamodb").get_item(
            TableName=listed_aws.outputs["CatalogTableName"], Key={"source_id": {"S": source_id}}
        )
        return found.get("Item")

    assert eventually(entry, 60)["suggested"] == {"L": [{"S": "Ben_8"}]}
    with decided_by_text(listed_aws):
        assert whose(listed_aws, "inbox/decided.txt", LETTER) == {"status": "known", "id": "Ben_8"}
        namesakes = LETTER.replace("Ben_8", "Ana_7")
        assert whose(listed_aws, "inbox/doubtful.txt", namesakes) == waits
    found = listed_aws.client("s3").list_objects_v2(
        Bucket=listed_aws.outputs["ProcessedBucketName"], Prefix="processed/Ben_8_decided/"
    )
    assert found["KeyCount"] == 4


def send(aws: EmbeddedAws, detail_type: str, detail: dict[str, Any]) -> None:
    """An EHR sends an event to the intake bus."""
    entry = {"Source": "carefile.intake", "DetailType": detail_type, "Detail": json.dumps(detail)}
    done = aws.client("events").put_events(Entries=[entry | {"EventBusName": aws.outputs["IntakeBusName"]}])
    assert not done["FailedEntryCount"], done


def test_an_ehr_registers_patients_and_merges_them_and_a_person_takes_that_back(
    listed_aws: EmbeddedAws, carefile: Any
) -> None:
    for patient in ("Eva_1", "Eva_2"):
        send(listed_aws, "Patient Registered", {"patient_id": patient, "names": [{"text": "Eva Soto"}]})
    send(listed_aws, "Patient Registered", {"patient_id": "4711.0"})
    for patient in ("Eva_1", "Eva_2"):
        eventually(lambda patient=patient: carefile("patients", "show", patient, "--json")[0] == 0, 60)

    def letters() -> list[Any]:
        said = carefile("dlq", "--queue", "registrations", "--json")[1]
        return [json.loads(line) for line in said.splitlines()]

    (letter,) = eventually(letters, 60)
    assert (letter["error"], letter["about"]) == ("RejectedPatient", "4711.0")
    assert letter["reason"].startswith("damaged-patient-id: ")

    assert whose(listed_aws, "documents/Eva_1/letter.txt", "hello") == {"status": "known", "id": "Eva_1"}
    send(listed_aws, "Patients Merged", {"from": "Eva_1", "into": "Eva_2", "reason": "registered twice"})

    def filed(patient: str) -> bool:
        bucket = listed_aws.outputs["ProcessedBucketName"]
        key = f"processed/{patient}_letter/original.txt"
        found = listed_aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
        return bool(found.get("KeyCount"))

    eventually(lambda: filed("Eva_2") and not filed("Eva_1"), 90)
    assert whose(listed_aws, "documents/Eva_1/later.txt", "hello") == {"status": "known", "id": "Eva_2"}

    code, said = carefile("patients", "unmerge", "Eva_1", "--from", "Eva_2", "--json")
    assert (code, json.loads(said)["objects"]) == (0, 2)
    code, said = carefile("patients", "unmerge", "Eva_1", "--from", "Eva_2", "--yes", "--json")
    assert (code, json.loads(said)["result"]["taken_in"]) == (0, 2)
    assert filed("Eva_1")
    assert not filed("Eva_2")
