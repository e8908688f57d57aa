"""Stripe's lists, on the pure core."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe import StripeSandbox
from sandbox.twin import ManualClock
from tests.sandbox.driving import Wire


@given(
    owners=st.lists(st.booleans(), max_size=12),
    limit=st.integers(1, 5),
    mine_only=st.booleans(),
    backwards=st.booleans(),
)
def test_paging_either_way_gives_every_object_once(
    owners: list[bool], limit: int, mine_only: bool, backwards: bool
) -> None:
    wire = Wire(StripeSandbox())
    mine, other = (wire.post("customers").json()["id"] for _ in range(2))
    created = [(is_mine, wire.create_intent(customer=mine if is_mine else other)["id"]) for is_mine in owners]
    newest_first = [reference for is_mine, reference in reversed(created) if is_mine or not mine_only]
    asked: dict[str, Any] = {"limit": limit, **({"customer": mine} if mine_only else {})}

    seen: list[str] = newest_first[-1:] if backwards else []
    more = bool(seen) or not backwards
    while more:
        if backwards:
            asked["ending_before"] = seen[0]
        elif seen:
            asked["starting_after"] = seen[-1]
        page = wire.get("payment_intents", **asked).json()
        found = [intent["id"] for intent in page["data"]]
        assert len(found) <= limit
        seen = found + seen if backwards else seen + found
        more = page["has_more"]

    assert seen == newest_first


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"created[gte]": 2}, [4, 3, 2]),
        ({"created[gt]": 2}, [4, 3]),
        ({"created[lte]": 2}, [2, 1, 0]),
        ({"created[lt]": 2}, [1, 0]),
        ({"created[gte]": 1, "created[lt]": 3}, [2, 1]),
        ({"created": 3}, [3]),
    ],
)
def test_lists_are_filtered_by_the_time_of_creation(
    wire: Wire, clock: ManualClock, filters: dict[str, int], expected: list[int]
) -> None:
    start = int(clock.now)
    for _second in range(5):
        wire.create_intent()
        clock.now += 1

    page = wire.get("payment_intents", **{name: start + second for name, second in filters.items()}).json()

    assert [intent["created"] - start for intent in page["data"]] == expected


def test_a_list_names_itself_and_expands_its_objects(wire: Wire) -> None:
    wire.confirm(wire.create_intent()["id"], "pm_card_visa")
    page = wire.get("payment_intents", **{"expand[]": "data.latest_charge"}).json()

    assert (page["object"], page["url"], page["has_more"]) == ("list", "/v1/payment_intents", False)
    assert page["data"][0]["latest_charge"]["object"] == "charge"


def test_a_list_has_ten_objects_by_default(wire: Wire) -> None:
    for _number in range(11):
        wire.create_intent()
    page = wire.get("payment_intents").json()
    assert (len(page["data"]), page["has_more"]) == (10, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 101},
        {"starting_after": "pi_none"},
        {"ending_before": "pi_none"},
        {"starting_after": "pi_a", "ending_before": "pi_b"},
        {"created[since]": 1},
        {"colour": "red"},
    ],
)
def test_a_wrong_list_parameter_is_refused(wire: Wire, wrong: dict[str, Any]) -> None:
    assert wire.get("payment_intents", **wrong).status == 400


def test_customers_are_found_by_their_mail_address(wire: Wire) -> None:
    for address in ("one@a.example", "two@a.example"):
        wire.post("customers", {"email": address, "address[country]": "DE"})
    found = wire.get("customers", email="two@a.example").json()["data"]
    assert [(customer["email"], customer["address"]["country"]) for customer in found] == [("two@a.example", "DE")]


def test_a_customer_is_updated_field_by_field(wire: Wire) -> None:
    customer = wire.post("customers", {"name": "Old", "metadata[a]": "1", "metadata[b]": "2"}).json()["id"]
    wire.post(f"customers/{customer}", {"name": "New", "metadata[a]": ""})
    after = wire.get(f"customers/{customer}").json()
    assert (after["name"], after["metadata"]) == ("New", {"b": "2"})
    assert wire.post(f"customers/{customer}", {"metadata": ""}).json()["metadata"] == {}
