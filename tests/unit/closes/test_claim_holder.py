"""Claims outlive the state machine that holds them: a deployment may replace it at any time."""

from collections.abc import Callable

import pytest

from tests.dropping import GOOD, KEY, Drop, of
from tests.world import OCTOBER, World

_ARN = "arn:aws:states:eu-central-1:123456789012:execution:"
OLD, NEW = f"{_ARN}Machine-AAAA:first", f"{_ARN}Machine-BBBB:second"


def _drop(world: World, execution: str) -> str:
    world.inbox.drop(KEY, of(GOOD))
    return Drop(world).receive(execution=execution).result


def _reconcile(world: World, execution: str) -> str:
    opener = world.use_cases.reconcile_opener
    return opener.open(execution).outcome


def _close(world: World, execution: str) -> str:
    return world.use_cases.open_close(OCTOBER, execution).outcome


DOORS: dict[str, tuple[Callable[[World, str], str], str]] = {
    "a dropped file": (_drop, "done"),
    "a reconciliation": (_reconcile, "opened"),
    "the collections": (lambda world, execution: world.finder.find(execution).outcome, "begun"),
    "a close": (_close, "opened"),
}


@pytest.mark.parametrize(("begin", "begun"), DOORS.values(), ids=DOORS)
def test_an_execution_of_a_replaced_machine_blocks_nobody_and_is_not_checked(
    begin: Callable[[World, str], str], begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.add_customer("acme")
    assert begin(world, OLD) == begun

    def asked(execution: str) -> bool:
        raise AssertionError(f"the role may not ask after {execution}")

    monkeypatch.setattr(world.workflow, "is_running", asked)
    assert begin(world, NEW) == begun
