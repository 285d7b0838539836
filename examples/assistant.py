"""An assistant that stores its conversation in the landing bucket, and a reader that loads it once filed.

    python examples/assistant.py talk --session visit-1 [--patient Juan_Perez_123] [--snapshots]
    python examples/assistant.py read --session visit-1 [--patient Juan_Perez_123] [--snapshots]

Built on the Strands Agents SDK. `talk` lets the SDK's own S3SessionManager write the session to `sessions/…` in the
landing bucket, as an assistant in production would, and Carefile files each object as it arrives. `read`, another
process, restores the agent from the processed layout, through the same manager with the prefix and the id that
`carefile.where` names. With `--snapshots` that is a SnapshotSessionManager, at both ends. The model is a script: it
needs no network and no account. Works on the embedded AWS (`make up`), or on AWS by the usual credentials.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any

from botocore.exceptions import ClientError
from strands import Agent
from strands.models import Model
from strands.session import SnapshotSessionManager
from strands.session.s3_session_manager import S3SessionManager
from strands.session.session_manager import SessionManager
from strands.storage import S3Storage

import carefile
from carefile.cli.aws.connection import Connection, connect
from carefile.cli.problem import Problem

AGENT = "guide"
SAID = (
    "Good morning.",
    "It is my knee: it hurts when I walk down stairs.",
    "Since March. Cold days are the worst — «como un clavo».",
)
REPLIED = (
    "Good morning. What brings you here?",
    "Since when does it hurt, and what makes it worse?",
    "Thank you. I have written it down for the doctor.",
)


class Script(Model):
    """A model that replies from a script, whatever it is asked; the number of user messages is its place in it."""

    def update_config(self, **model_config: Any) -> None:
        """Ignore: there is nothing to configure."""

    def get_config(self) -> dict[str, Any]:
        return {}

    def structured_output(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("a script has no structure")

    async def stream(self, messages: Any, *_: Any, **__: Any) -> AsyncIterator[Any]:
        heard = sum(message["role"] == "user" for message in messages)
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        yield {"contentBlockDelta": {"delta": {"text": REPLIED[(heard - 1) % len(REPLIED)]}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


def assistant(deployed: Connection, session: str, bucket: str, prefix: str, *, snapshots: bool) -> Agent:
    """The agent with its conversation so far, kept under a prefix of a bucket."""
    kept: SessionManager
    if snapshots:
        kept = SnapshotSessionManager(session, storage=store(deployed, bucket, prefix))
    else:
        kept = S3SessionManager(
            session,
            bucket,
            prefix,
            deployed.session,
            endpoint_url=deployed.endpoint,
            region_name=deployed.session.region_name,
        )
    return Agent(Script(), agent_id=AGENT, session_manager=kept, callback_handler=None)


def store(deployed: Connection, bucket: str, prefix: str) -> S3Storage:
    if deployed.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = deployed.endpoint  # the only way to configure it for S3Storage
    return S3Storage(bucket, prefix=prefix, boto_session=deployed.session)


def talk(deployed: Connection, session: str, patient: str | None, *, snapshots: bool) -> Agent:
    prefix = f"sessions/{patient}" if patient else "sessions"
    agent = assistant(deployed, session, deployed.landing, prefix, snapshots=snapshots)
    agent.state.set("topic", "knee")
    for words in SAID:
        agent(words)
    return agent


def read(deployed: Connection, session: str, patient: str | None, *, snapshots: bool) -> Agent:
    found = carefile.where(patient, session, prefix=deployed.layout.prefix)["session_info"]["load_by"]
    at = found["SnapshotSessionManager" if snapshots else "S3SessionManager"]
    prefix, id = at["prefix"].rstrip("/"), at["session_id"]
    needed = [f"session_{id}/session.json", f"session_{id}/agents/agent_{AGENT}/agent.json"]
    if snapshots:
        needed = [f"session/{id}/scopes/agent/{AGENT}/snapshots/snapshot_latest.json"]
    # A session manager would create a missing session, but only Carefile may write to the layout.
    try:
        for name in needed:
            deployed.client("s3").head_object(Bucket=deployed.processed, Key=f"{prefix}/{name}")
    except ClientError:
        raise Problem(
            f"no session {session} is filed under {prefix}", "`carefile catalog` lists what is"
        ) from None
    return assistant(deployed, id, deployed.processed, prefix, snapshots=snapshots)


def lines(agent: Agent) -> Iterable[str]:
    """Render the conversation as lines of text."""
    for message in agent.messages:
        for block in message["content"]:
            yield f"{message['role']}: {block.get('text', '')}"


def main() -> int:
    parser = argparse.ArgumentParser(description="An assistant whose conversation Carefile files.")
    parser.add_argument("what", choices=("talk", "read"), help="hold the conversation, or load the filed one")
    parser.add_argument("--session", required=True, help="the session's id")
    parser.add_argument("--patient", help="the patient; unknown if left out")
    parser.add_argument("--snapshots", action="store_true", help="keep snapshots instead of messages")
    asked = parser.parse_args()
    hold = talk if asked.what == "talk" else read
    try:
        agent = hold(connect(), asked.session, asked.patient, snapshots=asked.snapshots)
    except Problem as problem:
        print(f"{problem.what}; {problem.to_do}", file=sys.stderr)
        return 2
    print("\n".join(lines(agent)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
