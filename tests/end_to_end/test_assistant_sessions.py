"""Sessions that the Strands Agents SDK wrote can be loaded again, by the same SDK, from where they were filed."""

from __future__ import annotations

import boto3
import pytest
from strands.session.s3_session_manager import S3SessionManager
from strands.types.session import SessionAgent, SessionMessage

from tests.end_to_end.conftest import Pipeline

WORDS = ["Where does it hurt?", "Aquí — señala la rodilla.", "Since when?"]


def manager(pipeline: Pipeline, session_id: str, bucket: str, prefix: str) -> S3SessionManager:
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")
    endpoint = pipeline.aws.settings.endpoint
    return S3SessionManager(
        session_id, bucket, prefix, session, region_name="us-east-1", endpoint_url=endpoint
    )


@pytest.mark.parametrize(
    ("owner", "patient"), [("sessions/Marta_Rey_8", "Marta_Rey_8"), ("sessions", "unknown")]
)
def test_a_filed_session_loads_again_from_the_processed_prefix(
    pipeline: Pipeline, owner: str, patient: str
) -> None:
    writer = manager(pipeline, "visit-1", pipeline.landing, owner)
    writer.create_agent("visit-1", SessionAgent("guide", {"topic": "knee"}, {}))
    for number, words in enumerate(WORDS):
        role = "user" if number % 2 else "assistant"
        writer.create_message(
            "visit-1", "guide", SessionMessage({"role": role, "content": [{"text": words}]}, number)
        )
    tree = pipeline.s3.list_objects_v2(Bucket=pipeline.landing, Prefix=f"{owner}/session_visit-1/")
    for item in tree["Contents"]:
        assert pipeline.execution_of(item["Key"])["status"] == "SUCCEEDED"

    reader = manager(pipeline, "visit-1", pipeline.processed, f"processed/{patient}_medical_notes/")

    assert reader.read_agent("visit-1", "guide").state == {"topic": "knee"}
    assert [item.message["content"][0]["text"] for item in reader.list_messages("visit-1", "guide")] == WORDS
