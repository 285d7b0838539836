"""What an execution's ARN says: its lane and its intake.

An upload on the express lane is one intake and up to two executions: an Express one, and, where that failed, a
Standard one, which is named after it. Invariant: both go by one intake's name, so that the second one knows what the
first one filed as its own work and not as a duplicate's.

    arn:aws:states:{region}:{account}:execution:{machine}:{name}            Standard
    arn:aws:states:{region}:{account}:express:{machine}:{name}:{start id}   Express
"""

from __future__ import annotations

PROMOTED = "promoted-"  # statemachines/express_lane.asl.json gives the name


def is_express(arn: str) -> bool:
    """Whether it is an Express execution, which cannot be described."""
    return ":express:" in arn


def intake_name(arn: str) -> str:
    """The name that all executions of one intake share: the Express execution's start id, or the only one's name."""
    return arn.rpartition(":")[2].removeprefix(PROMOTED)
