"""The events' page, and what the stacks and state machines do for them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain import events
from monthclose.names import EVENT_CLOSE_COMPLETED, EVENT_CLOSE_WAITING, EVENT_FINDINGS, EVENT_USAGE_IMPORTED
from tests.event_schemas import FOLDER, check_event, schemas
from tests.infrastructure.synthesis import Synthesized
from tests.infrastructure.test_docs import TEXTS

PAGE = TEXTS["docs/events.md"]
SENT = {
    *(events.CLOSE_STARTED, events.STAGE_PASSED, EVENT_CLOSE_WAITING, EVENT_CLOSE_COMPLETED, EVENT_FINDINGS),
    *(events.CUSTOMER_HELD, events.CUSTOMER_RELEASED, events.SETTLED_LATE, events.FAILED_LATE, EVENT_USAGE_IMPORTED),
}


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return {heading: text for heading, text in zip(parts[::2], parts[1::2], strict=True) if "Schema" in text[:12]}


def test_every_event_that_is_sent_has_a_schema_and_a_line_on_the_page() -> None:
    assert schemas().keys() == SENT
    table = PAGE.partition("\n## ")[0]
    for kind in SENT:
        assert f"[{kind}]" in table


@pytest.mark.parametrize("heading", sections())
def test_the_examples_on_the_page_are_as_the_schemas_say(heading: str) -> None:
    text = sections()[heading]
    [example] = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    files = re.findall(r"events/(\w+)\.json\)", text)
    assert files
    for file in files:
        check_event(json.loads((FOLDER / f"{file}.json").read_text())["title"], json.loads(example))


def test_the_page_names_every_schema() -> None:
    assert set(re.findall(r"events/(\w+)\.json\)", PAGE)) == {path.stem for path in FOLDER.glob("*.json")}


def test_what_the_state_machines_send_has_the_fields_of_its_schema() -> None:
    folder, said = Path(__file__).parents[2] / "statemachines", {}
    for name in ("month_close", "reconcile"):
        for state in json.loads((folder / f"{name}.asl.json").read_text())["States"].values():
            for entry in state.get("Parameters", {}).get("Entries", ()):
                said[entry["DetailType"]] = {field.removesuffix(".$") for field in entry["Detail"]}
    kinds = {
        "${EventCloseCompleted}": EVENT_CLOSE_COMPLETED,
        "${EventCloseWaiting}": EVENT_CLOSE_WAITING,
        "${EventFindings}": EVENT_FINDINGS,
    }
    assert said == {placeholder: set(schemas()[kind]["required"]) for placeholder, kind in kinds.items()}


def test_commits_are_heard_from_the_beginning_of_the_streams_and_again_until_they_are_dealt_with(
    synthesized: Synthesized,
) -> None:
    tables = synthesized.of_type("AWS::DynamoDB::Table")
    streams = {name for name, table in tables.items() if table.get("StreamSpecification")}
    assert {tables[name]["StreamSpecification"]["StreamViewType"] for name in streams} == {"NEW_AND_OLD_IMAGES"}
    mappings: list[dict[str, Any]] = [
        mapping
        for mapping in synthesized.of_type("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in mapping
    ]
    assert len(mappings) == len(streams) == 2
    for mapping in mappings:
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"]
        assert not mapping.keys() & {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"}, "for as long as it is kept"
        assert 1 <= len(mapping["FilterCriteria"]["Filters"]) <= 5, "Lambda allows five without asking"
