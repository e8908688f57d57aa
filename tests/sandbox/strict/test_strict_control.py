"""The limits over HTTP, and what each limit must say."""

import json
from typing import Any

import httpx
import pytest

from sandbox.strict.control import Control
from sandbox.strict.limits import CONTROL_PATH, Limit, Limits, load_limits

ONE = {"sqs.batch": Limit("sqs.batch", 10, "messages", "refused", "https://docs.aws.amazon.com/sqs")}


async def emulator(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """What is behind the limits' address."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def limits() -> Limits:
    return Limits(ONE)


async def ask(limits: Limits, method: str, path: str = CONTROL_PATH, body: Any = None) -> httpx.Response:
    transport = httpx.ASGITransport(Control(emulator, limits))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://aws") as aws:
        content = body if isinstance(body, str) else json.dumps(body)
        return await aws.request(method, path, content=content)


@pytest.mark.anyio
async def test_the_limits_are_listed_with_how_often_each_struck(limits: Limits) -> None:
    limits.strike("sqs.batch", 2)
    assert (await ask(limits, "GET")).json() == {
        "sqs.batch": {
            "on": True,
            "value": 10,
            "documented": 10,
            "struck": 2,
            "unit": "messages",
            "effect": "refused",
            "source": "https://docs.aws.amazon.com/sqs",
        }
    }


@pytest.mark.anyio
async def test_a_limit_is_changed_while_it_runs(limits: Limits) -> None:
    answer = await ask(limits, "PUT", body={"sqs.batch": {"value": 3}})
    assert (answer.status_code, limits.value("sqs.batch"), limits.on("sqs.batch")) == (200, 3, True)
    await ask(limits, "PUT", body={"sqs.batch": {"on": False}})
    assert (limits.value("sqs.batch"), limits.on("sqs.batch")) == (3, False)
    assert (await ask(limits, "GET")).json()["sqs.batch"]["documented"] == 10


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("{", "this is not JSON"),
        ([], "give an object"),
        ({"sqs.bach": {"on": False}}, "there is no limit sqs.bach"),
        ({"sqs.batch": 3}, 'give "on", "value" or both'),
        ({"sqs.batch": {"off": True}}, 'give "on", "value" or both'),
        ({"sqs.batch": {"on": 1}}, "on is true or false"),
        ({"sqs.batch": {"value": -1}}, "value is a number, 0 or more"),
        ({"sqs.batch": {"value": 3}, "sqs.size": {"value": 3}}, "there is no limit sqs.size"),
    ],
)
async def test_a_mistake_is_named_and_changes_nothing(limits: Limits, body: Any, mistake: str) -> None:
    answer = await ask(limits, "PUT", body=body)
    assert answer.status_code == 400
    assert mistake in answer.json()["error"]
    assert (limits.value("sqs.batch"), limits.on("sqs.batch")) == (10, True)


@pytest.mark.anyio
async def test_all_else_goes_to_the_emulator(limits: Limits) -> None:
    assert (await ask(limits, "GET", "/_ministack/health")).status_code == 204
    assert (await ask(limits, "DELETE")).status_code == 405


def test_every_limit_says_where_its_value_is_from() -> None:
    for limit in load_limits().values():
        assert limit.source.startswith("https://"), limit.name
        assert limit.unit, limit.name
        assert limit.effect, limit.name
        assert limit.value >= 0, limit.name
