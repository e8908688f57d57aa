"""Rate limits: token buckets, and how Stripe says that one is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chaos.front import Front
from sandbox.chaos.limits import Limit, Limiter
from sandbox.gocardless import GoCardlessSandbox
from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.twin import ManualClock
from sandbox.wire import Request, Subject

if TYPE_CHECKING:
    from sandbox.desk import Desk

HEADERS = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}


@given(
    pauses=st.lists(st.floats(0, 1), max_size=60),
    rate=st.floats(0.5, 50),
    burst=st.none() | st.integers(1, 20),
)
def test_no_time_window_sees_more_than_the_burst_and_the_rate(
    pauses: list[float], rate: float, burst: int | None
) -> None:
    clock = ManualClock(0)
    limiter = Limiter(clock)
    limiter.set({"stripe": Limit(rate=rate, burst=burst)})
    passed = []
    for pause in pauses:
        clock.advance(pause)
        if limiter.refuses("stripe", Subject("charges.list")) is None:
            passed.append(clock.now)
    most_at_once = max(rate if burst is None else burst, 1)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= most_at_once + (passed[last] - passed[first]) * rate + 1e-6


def test_the_whole_rate_can_be_used() -> None:
    clock = ManualClock(0)
    limiter = Limiter(clock)
    limiter.set({"stripe": Limit(rate=25, burst=1)})
    passed = 0
    for _tick in range(10_000):
        clock.advance(0.01)
        passed += limiter.refuses("stripe", Subject("charges.list")) is None
    assert passed == pytest.approx(2_500, abs=1)


def test_each_endpoint_and_account_has_a_bucket_and_all_endpoints_share_one() -> None:
    limiter = Limiter(ManualClock())
    limiter.set({"stripe": Limit(rate=2, account_rate=3)})

    def ask(endpoint: str, account: str = "acct_1", provider: str = "stripe") -> str | None:
        return limiter.refuses(provider, Subject(endpoint, account))

    assert [ask("a"), ask("a"), ask("a")] == [None, None, "endpoint"]
    # What the endpoint's limit refused cost the account nothing.
    assert [ask("b"), ask("b")] == [None, "account"]
    assert ask("a", "acct_2") is None
    assert ask("a", provider="gocardless") is None
    limiter.update({"gocardless": Limit(account_rate=1)})
    assert [ask("a", provider="gocardless"), ask("b", provider="gocardless")] == [None, "account"]
    limiter.reset()
    assert ask("a") is None


def test_stripes_429_is_an_sdk_rate_limit_error_with_its_reason(
    client: stripe.StripeClient, url: str, desk: Desk
) -> None:
    assert httpx.get(f"{url}/_sandbox/limits").json() == {}
    limit = {"stripe": {"rate": 0.001, "burst": 1, "account_rate": 0.001, "account_burst": 2}}
    assert httpx.put(f"{url}/_sandbox/limits", json=limit).json() == limit

    def refused(call: object) -> stripe.RateLimitError:
        assert callable(call)
        with pytest.raises(stripe.RateLimitError) as caught:
            call()
        return caught.value

    client.v1.customers.create({}, {"idempotency_key": "k"})
    # The limit comes before the idempotency layer: not even a replay gets through, and nothing is stored.
    endpoint = refused(lambda: client.v1.customers.create({}, {"idempotency_key": "k"}))
    client.v1.customers.list()
    account = refused(client.v1.charges.list)

    for error, reason in ((endpoint, "endpoint-rate"), (account, "global-rate")):
        assert error.error is not None
        assert error.error.code == "rate_limit"
        assert str(error.request_id).startswith("req_")
        assert error.headers is not None
        assert error.headers["Stripe-Rate-Limited-Reason"] == reason
    assert httpx.get(f"{url}/_sandbox/requests").json()["stripe"] == {
        "customers.create": {"200": 1, "429": 1},
        "customers.list": {"200": 1},
        "charges.list": {"429": 1},
    }
    assert httpx.delete(f"{url}/_sandbox/limits").json() == {}
    assert client.v1.customers.create({}, {"idempotency_key": "k"}).object == "customer"


def test_a_limit_that_makes_no_sense_is_refused_and_named(url: str) -> None:
    answer = httpx.put(f"{url}/_sandbox/limits", json={"stripe": {"rates": 25}})
    assert answer.status_code == 400
    assert "limits.stripe: rates is not known here" in answer.json()["error"]


def test_gocardless_has_a_limit_too_with_its_own_error_format() -> None:
    limiter = Limiter(ManualClock())
    limiter.set({"gocardless": Limit(account_rate=1)})
    front = Front(GoCardlessSandbox(), (), limiter)
    headers = {"Authorization": "Bearer sandbox_access_token", "GoCardless-Version": "2015-07-06"}
    answers = [front.handle(Request.to("GET", "/gocardless/payments", headers)) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429]
    assert answers[1].json()["error"]["errors"][0]["reason"] == "rate_limit_exceeded"
    assert front.request_counts() == {"payments.list": {200: 1, 429: 1}}
    front.reset()
    assert front.request_counts() == {}
