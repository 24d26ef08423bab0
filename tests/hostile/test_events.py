"""The functions behind HTTP answer whatever event they are called with."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from functions.api.handler import handler as api
from functions.authorize.handler import handler as authorize
from functions.studio.handler import handler as studio
from shared.codes import REQUESTS
from shared.system import System
from tests.hostile.events import events, told

Handler = Callable[[Any, Any], dict[str, Any]]
COUNT = 1500


@pytest.mark.parametrize("handler", [api, studio], ids=["api", "studio"])
def test_every_event_gets_an_answer_that_is_no_5xx(connected: System, handler: Handler) -> None:
    counts = Counter[str]()
    for event in events(seed=1, count=COUNT):
        answer = handler(event, None)
        status, body = answer["statusCode"], answer.get("body") or ""
        code = json.loads(body)["code"] if status >= 400 and body else ""
        counts[f"{status} {code}"] += 1
        assert status < 500, told(event)
        assert not code or code in REQUESTS, code
        json.dumps(answer, ensure_ascii=False).encode()  # as Lambda's runtime does
    assert counts["200 "], counts


def test_the_authorizer_says_no_to_whatever_it_is_asked(connected: System) -> None:
    for event in events(seed=2, count=COUNT):
        assert authorize(event, None) == {"isAuthorized": False}
