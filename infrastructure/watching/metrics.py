"""The metrics behind the alarms and the dashboard, each with exactly the dimensions it is emitted with.

The functions emit ours (`lambdas/adapters/measures.py`), AWS the others. Tests check ours against what the functions
actually emit, and the others against AWS's own lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from infrastructure.functions.function import METRICS_NAMESPACE
from infrastructure.watching import prices

PERIOD = Duration.minutes(5)
DAY = Duration.days(1)
SUM, MAXIMUM = "Sum", "Maximum"
TRANSITIONS = 5  # of an object's execution
_EXPRESS_MEMORY_GB = 64 / 1024  # the least that is billed, which these states need


def ours(
    stage: str, name: str, statistic: str, *, label: str | None = None, period: Duration = PERIOD
) -> cloudwatch.Metric:
    """A metric of ours with the stage as its only dimension."""
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={"stage": stage},
        statistic=statistic,
        period=period,
        label=label,
    )


def failures(stage: str, error: str) -> cloudwatch.Metric:
    """The number of executions that failed with this error."""
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name="Failures",
        dimensions_map={"stage": stage, "error": error},
        statistic=SUM,
        period=PERIOD,
    )


def each(stage: str, name: str, dimensions: Sequence[str]) -> cloudwatch.MathExpression:
    """All series of a metric of ours, one for each value of these dimensions."""
    return _expression(_search(stage, name, dimensions), {}, label="")


def total(
    stage: str, name: str, dimensions: Sequence[str], *, label: str, period: Duration = PERIOD
) -> cloudwatch.MathExpression:
    """The sum of all series of a metric of ours."""
    return _expression(f"SUM({_search(stage, name, dimensions, period)})", {}, label=label, period=period)


def share(
    stage: str, part: str, whole: str, dimensions: Sequence[str], *, label: str
) -> cloudwatch.MathExpression:
    """One metric of ours as a percentage of another."""
    sums = [f"SUM({_search(stage, name, dimensions)})" for name in (part, whole)]
    return _expression(f"100 * {sums[0]} / {sums[1]}", {}, label=label)


def _search(stage: str, name: str, dimensions: Sequence[str], period: Duration = PERIOD) -> str:
    names = ",".join([METRICS_NAMESPACE, *sorted([*dimensions, "stage"])])
    each = "" if period.to_seconds() == PERIOD.to_seconds() else f", {period.to_seconds():.0f}"
    return f"SEARCH('{{{names}}} MetricName=\"{name}\" stage=\"{stage}\"', 'Sum'{each})"


def of_machine(
    machine: sfn.IStateMachine, name: str, statistic: str = SUM, *, label: str | None = None
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=name,
        dimensions_map={"StateMachineArn": machine.state_machine_arn},
        statistic=statistic,
        period=PERIOD,
        label=label,
    )


def of_function(
    function: lambda_.IFunction, name: str, statistic: str = SUM, *, label: str | None = None
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"FunctionName": function.function_name},
        statistic=statistic,
        period=PERIOD,
        label=label,
    )


def of_queue(queue: sqs.IQueue, name: str, *, label: str | None = None) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/SQS",
        metric_name=name,
        dimensions_map={"QueueName": queue.queue_name},
        statistic=MAXIMUM,
        period=PERIOD,
        label=label,
    )


def of_table(table: dynamodb.ITable, name: str, *, label: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic=SUM,
        period=PERIOD,
        label=label,
    )


def of_rule(rule: events.IRule, name: str, *, label: str) -> cloudwatch.Metric:
    resource = rule.node.default_child
    assert isinstance(resource, events.CfnRule)  # noqa: S101 - narrows the type
    bus = resource.event_bus_name
    # For a rule on a custom bus, CloudFormation's name includes the bus; the ARN ends in the rule's own name.
    dimensions = {"RuleName": Fn.select(2 if bus else 1, Fn.split("/", rule.rule_arn))}
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name=name,
        dimensions_map=dimensions | ({"EventBusName": bus} if bus else {}),
        statistic=SUM,
        period=PERIOD,
        label=label,
    )


Using = dict[str, cloudwatch.IMetric]
_UNSUCCESSFUL = ("Failed", "TimedOut", "Aborted")


def _unsuccessful(
    machine: sfn.IStateMachine, prefix: str = "", ends: Sequence[str] = _UNSUCCESSFUL
) -> tuple[str, Using]:
    """An expression for the executions that did not succeed, with its metrics. AWS emits no zeros, hence FILL."""
    using: Using = {f"{prefix}{end.lower()}": of_machine(machine, f"Executions{end}") for end in ends}
    return f"({' + '.join(f'FILL({each}, 0)' for each in using)})", using


def unsuccessful_executions(machine: sfn.IStateMachine, name: str) -> cloudwatch.MathExpression:
    """The executions that did not succeed."""
    unsuccessful, using = _unsuccessful(machine, name.lower())
    return _expression(unsuccessful, using, label=f"{name} failed")


def failure_ratio(
    machine: sfn.IStateMachine, express: sfn.IStateMachine | None = None, *, least: int
) -> cloudwatch.MathExpression:
    """Failed intakes as a percentage of finished ones; zero while fewer than `least` finished.

    A successful upload on the express lane ends there only; a promoted one ends on both lanes. So the lane with more
    finished executions counts the intakes: adding both would halve the ratio when all fail.
    """
    unsuccessful, using = _unsuccessful(machine)
    ended = f"({unsuccessful} + FILL(succeeded, 0))"
    using |= {"succeeded": of_machine(machine, "ExecutionsSucceeded")}
    if express:
        lost, of_express = _unsuccessful(
            express, "express", _UNSUCCESSFUL[:2]
        )  # an Express execution cannot be aborted
        there = f"({lost} + FILL(expresssucceeded, 0))"
        using |= of_express | {"expresssucceeded": of_machine(express, "ExecutionsSucceeded")}
        unsuccessful, ended = f"({unsuccessful} + {lost})", f"IF({there} > {ended}, {there}, {ended})"
    return _expression(
        f"IF({ended} >= {least}, 100 * {unsuccessful} / {ended}, 0)", using, label="failed, percent"
    )


def cost(
    stage: str,
    machine: sfn.IStateMachine,
    express: sfn.IStateMachine | None,
    functions: Sequence[lambda_.Function],
) -> cloudwatch.MathExpression:
    """US dollars per thousand objects: executions on both lanes and the functions, at list price.

    Objects are all finished intakes, since the functions run for all of them. Executions of a backfill's items have no
    metric; they cost two dollars a million and are left out.
    """
    using: Using = {"started": of_machine(machine, "ExecutionsStarted")}
    terms = [f"FILL(started, 0) * {TRANSITIONS * prices.STATE_TRANSITION / prices.MILLION:.6f}"]
    if express:
        using |= {
            "express": of_machine(express, "ExecutionsStarted"),
            "billed": of_machine(express, "ExpressExecutionBilledDuration"),
        }
        terms += [
            f"FILL(express, 0) * {prices.EXPRESS_REQUEST / prices.MILLION:.6f}",
            f"FILL(billed, 0) * {prices.EXPRESS_GB_SECOND * _EXPRESS_MEMORY_GB / 1000:.12f}",
        ]
    for number, function in enumerate(functions):
        memory = _memory(function)
        using |= {
            f"calls{number}": of_function(function, "Invocations"),
            f"millis{number}": of_function(function, "Duration"),
        }
        call = prices.INVOCATION / prices.MILLION
        millisecond = prices.LAMBDA_GB_SECOND * memory / 1024 / 1000
        terms.append(f"FILL(calls{number}, 0) * {call:.7f} + FILL(millis{number}, 0) * {millisecond:.12f}")
    objects = f"SUM({_search(stage, 'Intakes', ('disposition', 'kind'))})"
    return _expression(f"1000 * ({' + '.join(terms)}) / {objects}", using, label="USD per thousand")


def _memory(function: lambda_.Function) -> float:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)  # noqa: S101 - narrows the type
    assert resource.memory_size is not None  # noqa: S101 - every function of ours sets it
    return resource.memory_size


def _expression(
    expression: str,
    using: Mapping[str, cloudwatch.IMetric],
    *,
    label: str,
    period: Duration = PERIOD,
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=dict(using), label=label, period=period
    )
