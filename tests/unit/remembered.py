"""Computes once what moto and botocore compute anew at every call, though it never changes during these tests.

A third of a call's time in the AWS of this process went there. What is called, and what comes back, stays the same.
Other tests of this process talk to embedded AWSs: their requests are signed and sent as ever.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable
from string import ascii_letters, digits
from typing import Any

import botocore.parsers
import botocore.utils
import moto.core.models
import moto.s3.urls
from botocore.auth import SigV4Auth
from botocore.useragent import UserAgentString
from moto import backend_index
from moto.core import responses
from moto.core.base_backend import BaseBackend
from moto.core.models import botocore_stubber
from moto.core.serialize import (
    DEFAULT_ALIAS_PROVIDERS,
    AttributePicker,
    AttributePickerContext,
    ResponseSerializer,
    XFormedAttributePicker,
)
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser
from moto.moto_api._internal.moto_random import MotoRandom
from moto.s3.models import S3Backend

FIRST = ("s3", "dynamodb")  # no pattern of another service matches their addresses


def remember() -> None:
    S3Backend._url_module = moto.s3.urls  # moto imports it anew for each call
    compute = BaseBackend.urls.fget
    urls = functools.cache(lambda kind: compute(kind.__new__(kind)))
    BaseBackend.urls = property(lambda backend: urls(type(backend)))
    backend_index.backend_url_patterns.sort(key=lambda pattern: pattern[0] not in FIRST)
    moto.core.models.RESPONSES_METHODS = []  # nothing of this project asks AWS by the library `requests`
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    MotoRandom.get_random_string = _random_string
    UserAgentString.to_string = lambda _: "tests"
    for picker in (AttributePicker, XFormedAttributePicker):
        picker.get_possible_keys = _remembered(picker.get_possible_keys)  # type: ignore[method-assign]
    ResponseSerializer.get_value = _looked_up(ResponseSerializer.get_value)  # type: ignore[method-assign]
    ConditionExpressionParser._lex_condition_expression = _lexed_once(
        ConditionExpressionParser._lex_condition_expression
    )
    DepthFirstTraverser.nodes_to_be_processed = _once_a_class(DepthFirstTraverser.nodes_to_be_processed)
    botocore.utils.parse_timestamp = functools.lru_cache(botocore.utils.parse_timestamp)
    botocore.parsers.DEFAULT_TIMESTAMP_PARSER = botocore.utils.parse_timestamp
    SigV4Auth.canonical_request = _only_sent(SigV4Auth.canonical_request)  # type: ignore[method-assign]
    SigV4Auth.signature = _only_sent(SigV4Auth.signature)  # type: ignore[method-assign]


def _only_sent(signing: Callable[..., str]) -> Callable[..., str]:
    """What goes into a signature, which nobody in this process looks at."""
    return lambda *about: "0" * 64 if botocore_stubber.enabled else signing(*about)


def _once_a_class(compute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known: dict[type, Any] = {}

    def answer(one: Any) -> Any:
        if type(one) not in known:
            known[type(one)] = compute(one)
        return known[type(one)]

    return answer


def _lexed_once(lex: Callable[[Any], deque[Any]]) -> Callable[[Any], deque[Any]]:
    """The words of a condition, of which the project has few."""

    @functools.lru_cache
    def words(expression: str) -> tuple[Any, ...]:
        return tuple(lex(ConditionExpressionParser(expression, None, None)))

    return lambda parser: deque(words(parser.condition_expression))


def _looked_up(get_value: Callable[[Any, Any, str, Any], Any]) -> Callable[[Any, Any, str, Any], Any]:
    """A member of an answer: that of a dict without a context being made for each, most of which are not there."""
    known: dict[tuple[int, str], tuple[object, tuple[str, ...]]] = {}

    def value_of(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        picker = serializer._value_picker
        if (
            type(value) is not dict
            or type(picker) is not XFormedAttributePicker
            or picker.response_transformers
        ):
            return get_value(serializer, value, key, shape)
        member = (id(shape), key)
        if member not in known:
            context = AttributePickerContext(value, key, shape, serializer.operation_model)
            known[member] = (shape, tuple(picker.get_possible_keys(context)))  # the shape keeps its id
        return next((value[name] for name in known[member][1] if name in value), None)

    return value_of


def _random_string(
    self: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False
) -> str:
    drawn = "".join(self.choices(ascii_letters + digits * include_digits, k=length))
    return drawn.lower() if lower_case else drawn


def _remembered(possible_keys: Callable[[Any, Any], Iterable[str]]) -> Callable[[Any, Any], Any]:
    """Under which names a member of an answer may stand, which for dicts depends on its shape alone."""
    known: dict[tuple[int, str], tuple[object, tuple[str, ...]]] = {}

    def keys(picker: Any, context: Any) -> Iterable[str]:
        if type(context.obj) is not dict or picker.alias_providers is not DEFAULT_ALIAS_PROVIDERS:
            return possible_keys(picker, context)
        member = (id(context.shape), context.key)
        if member not in known:
            known[member] = (context.shape, tuple(possible_keys(picker, context)))  # the shape keeps its id
        return known[member][1]

    return keys
