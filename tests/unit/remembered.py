"""Computes once what moto and botocore compute anew at every call, though it never changes during these tests.

A third of a call's time in the AWS of this process went there. What is called, and what comes back, stays the same.
Other tests of this process talk to embedded AWSs: their requests are signed and sent as ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from string import ascii_letters, digits
from typing import Any

import moto.s3.urls
from botocore.useragent import UserAgentString
from moto import backend_index
from moto.core import responses
from moto.core.base_backend import BaseBackend
from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS, AttributePicker, XFormedAttributePicker
from moto.moto_api._internal.moto_random import MotoRandom
from moto.s3.models import S3Backend

FIRST = ("s3", "dynamodb")  # no pattern of another service matches their addresses


def remember() -> None:
    S3Backend._url_module = moto.s3.urls  # moto imports it anew for each call
    compute = BaseBackend.urls.fget
    urls = functools.cache(lambda kind: compute(kind.__new__(kind)))
    BaseBackend.urls = property(lambda backend: urls(type(backend)))
    backend_index.backend_url_patterns.sort(key=lambda pattern: pattern[0] not in FIRST)
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    MotoRandom.get_random_string = _random_string
    UserAgentString.to_string = lambda _: "tests"
    for picker in (AttributePicker, XFormedAttributePicker):
        picker.get_possible_keys = _remembered(picker.get_possible_keys)  # type: ignore[method-assign]


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
