"""Attributes of usage: columns of a file, stored with the event, and what the import says of usage without a price."""

import json

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import USAGE, ColumnMapping, LayoutError
from monthclose.domain.imports.file_options import FileOptions
from monthclose.domain.imports.intake import Row, Tally, read_usage
from monthclose.domain.pricing.reading import read_book
from monthclose.use_cases.imports.dropped_file import HINTS
from tests.dropping import LARGE, SMALL, Drop
from tests.world import World

REQUIRED = ("customer_id", "sku", "quantity", "time")
AS_IT_IS = FileOptions()
EVENT = {"customer_id": "acme", "sku": "vm", "quantity": "1", "time": "2026-10-02"}


def load(world: World, *rows: dict[str, str], options: FileOptions = AS_IT_IS) -> tuple[Tally, list[str]]:
    cells = [EVENT | row for row in rows]
    mapping = ColumnMapping.resolve(USAGE, list(dict.fromkeys(name for row in cells for name in row)), options, HINTS)
    reasons: list[str] = []
    numbered = [Row(number, row) for number, row in enumerate(cells, 1)]
    return world.importer.load(numbered, mapping, "usage.csv", lambda _, reason: reasons.append(reason)), reasons


@pytest.fixture
def world() -> World:
    world = World()
    world.add_customer("acme")
    return world


def stored(world: World) -> list[dict[str, str]]:
    return [dict(event.attributes) for event in Drop(world).events()]


def test_columns_named_attributes_are_stored_with_the_event_and_empty_cells_are_none(world: World) -> None:
    tally, reasons = load(
        world,
        {"event_id": "a", "attributes.region": " eu ", "attributes.tier": "ssd"},
        {"event_id": "b", "attributes.region": "", "attributes.tier": "hdd"},
        {"event_id": "c"},
    )

    assert (tally.taken, reasons) == (3, [])
    assert stored(world) == [{"region": "eu", "tier": "ssd"}, {"tier": "hdd"}, {}]


def test_other_columns_are_mapped_and_defaults_given_as_for_every_field(world: World) -> None:
    options = FileOptions(mapped={"attributes.region": "Region"}, defaults={"attributes.tier": "ssd"})

    load(world, {"Region": "eu"}, options=options)

    assert stored(world) == [{"region": "eu", "tier": "ssd"}]


def test_a_json_object_says_several_at_once(world: World) -> None:
    load(world, {"attributes": json.dumps({"region": "eu", "zone": 3, "none": ""}), "attributes.region": "eu"})

    assert stored(world) == [{"region": "eu", "zone": "3"}]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"attributes": "eu"}, "attributes is not a JSON object of texts"),
        ({"attributes": '{"region": null}'}, "attributes is not a JSON object of texts"),
        ({"attributes": '{"a": {"b": "c"}}'}, "attributes is not a JSON object of texts"),
        ({"attributes": '{"Region": "eu"}'}, "an attribute's name is not possible: it begins with"),
        (
            {"attributes": '{"region": "us"}', "attributes.region": "eu"},
            "an attribute appears twice, with",
        ),
        ({"attributes.region": "x" * 257}, "an attribute's value is longer than 256 characters"),
        ({"attributes.region": "a\x07b"}, "an attribute's value has unprintable characters"),
        ({f"attributes.a{number}": "x" for number in range(21)}, "there are more than 20 attributes"),
    ],
)
def test_a_row_whose_attributes_cannot_be_used_is_rejected_with_the_reason(fields: dict[str, str], reason: str) -> None:
    with pytest.raises(UserMistakeError, match=reason):
        read_usage(EVENT | fields, "e1")


def test_rows_with_impossible_names_have_one_reason_that_quotes_none_of_them(world: World) -> None:
    rows = [{"attributes": json.dumps({f"max.{number}@example.com": "x"})} for number in range(30)]

    tally, reasons = load(world, *rows)

    assert (len(tally.rejected), tally.rejected.total(), len(set(reasons))) == (1, 30, 1)
    assert "example.com" not in reasons[0]


def test_a_column_that_cannot_be_an_attribute_is_refused_and_not_quoted_to_others() -> None:
    with pytest.raises(LayoutError, match="lower-case letters") as refused:
        ColumnMapping.resolve(USAGE, [*REQUIRED, "attributes.Région"], FileOptions(), HINTS)
    assert "gion" not in refused.value.problem


def test_an_event_with_other_attributes_is_not_the_same_event(world: World) -> None:
    load(world, {"event_id": "a", "attributes.region": "eu"})

    again, _ = load(world, {"event_id": "a", "attributes.region": "eu"})
    _, reasons = load(world, {"event_id": "a", "attributes.region": "us"})
    corrected, _ = load(world, {"event_id": "b", "replaces": "a", "attributes.region": "us"})

    assert (again.taken, corrected.taken) == (1, 1)
    assert reasons == [
        "event_id is already stored with different content; a correction needs its own event_id and the field replaces"
    ]
    assert stored(world) == [{"region": "eu"}, {"region": "us"}]


def test_a_corrected_file_replaces_the_attributes_of_its_rows(world: World) -> None:
    load(world, {"attributes.region": "eu"})

    load(world, {"attributes.region": "us"})

    assert [dict(event.attributes) for event in Drop(world).events() if not event.replaced_by] == [{"region": "us"}]


@pytest.mark.parametrize("settings", [SMALL, LARGE])
def test_dropped_json_lines_may_have_attributes_in_any_row(world: World, settings: object) -> None:
    drop = Drop(world, settings)  # type: ignore[arg-type]
    rows: list[dict[str, object]] = [{}, {"attributes.region": "eu"}, {"attributes": {"tier": "ssd"}}]
    lines = [json.dumps({**EVENT, **row}) for row in rows]
    world.inbox.drop("usage/a.jsonl", "\n".join([*[lines[0]] * 120, *lines]).encode())

    outcome = drop.run(key="usage/a.jsonl")

    assert (outcome["taken"], outcome["rejected"]) == (123, {})
    assert [dict(event.attributes) for event in drop.events() if event.attributes] == [
        {"region": "eu"},
        {"tier": "ssd"},
    ]


def test_the_import_names_the_cell_that_has_no_price(world: World) -> None:
    prices = [{"sku": "vm", "currency": "USD", "unit_price": "1", "where": {"region": name}} for name in ("eu", "us")]
    world.price_books.merge(read_book({"prices": prices}))

    tally, _ = load(
        world,
        {"event_id": "a", "attributes.region": "eu"},
        {"event_id": "b", "attributes.region": "ap", "attributes.host": "h1"},
        {"event_id": "c", "attributes.region": "ap", "attributes.host": "h2"},
        {"event_id": "d"},
        {"event_id": "e", "sku": "gpu"},
    )

    assert dict(tally.unpriced) == {"vm (region = ap)": 2, "vm (no region)": 1, "gpu": 1}
