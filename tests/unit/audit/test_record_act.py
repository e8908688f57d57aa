"""Acts are recorded before the change, and a change that fails is recorded as well."""

import pytest

from monthclose.errors import ConflictError, TryLaterError
from tests.world import OCTOBER, World


def test_an_act_is_recorded_before_it_is_done() -> None:
    world = World()
    with world.use_cases.acts.acting("close.stopped", by="Ada", why="wrong prices", period=OCTOBER):
        [told] = world.audit.told
    assert (told.what, told.by, told.why, told.period, told.time) == (
        *("close.stopped", "Ada", "wrong prices", OCTOBER),
        world.clock(),
    )
    assert world.audit.told == [told]


def test_what_cannot_be_recorded_is_not_done() -> None:
    world, done = World(), False
    world.audit.broken = TryLaterError("DynamoDB is briefly unavailable")
    with pytest.raises(TryLaterError), world.use_cases.acts.acting("close.stopped", by="Ada"):
        done = True
    assert not done


def test_an_act_that_fails_is_recorded_as_failed_without_what_libraries_say() -> None:
    world = World()
    with pytest.raises(ConflictError), world.use_cases.acts.acting("hold.placed", by="Ada", customer_id="acme"):
        raise ConflictError("somebody else was first\nread again")
    with pytest.raises(ValueError, match="secret"), world.use_cases.acts.acting("hold.placed", by="Ada"):
        raise ValueError("secret")
    placed, failed, _, other = world.audit.acts
    assert (failed.act.what, failed.act.why) == ("act.failed", "ConflictError: somebody else was first")
    assert (failed.act.follows, failed.act.by, failed.act.customer_id) == (placed.name, "Ada", "acme")
    assert other.act.why == "ValueError"


def test_what_came_of_an_act_follows_it() -> None:
    world = World()
    with world.use_cases.acts.acting("customers.imported", by="Ada", period=OCTOBER) as act:
        act.done("12 rows")
    imported, done = world.audit.acts
    assert (done.act.what, done.act.after, done.act.follows) == ("act.done", "12 rows", imported.name)
    assert (done.act.by, done.act.period) == ("Ada", OCTOBER)
