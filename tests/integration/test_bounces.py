"""Mail that bounces, on the deployed system: SES reports it, it is kept with the notice, and nobody is held for it."""

from decimal import Decimal

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.month import HoldAction, NoticeState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from tests.integration.system import System, until

PERIOD = Period(2025, 5)


def add(system: System, name: str, email: str, method: str) -> str:
    system.runtime.directory.put_profiles([(name, Profile(f"{name} Ltd", email, "USD", "stripe", method))])
    system.use([UsageEvent("e", name, "droplet", Decimal(1), PERIOD.start, Decimal(10), "Droplet")])
    return name


def becomes(system: System, name: str, state: NoticeState) -> str:
    """Wait until a customer's notice is in a state, and return why."""

    def look() -> str | None:
        notice = system.runtime.books.month(name, PERIOD).notice
        return (notice.why or "?") if notice and notice.state is state else None

    return until(f"{name}'s notice {state}", look)


def test_a_bounced_notice_is_kept_lifts_the_hold_and_is_reported(system: System) -> None:
    bouncing = add(system, "bouncing", "bounce+1@simulator.amazonses.com", "pm_card_chargeDeclinedExpiredCard")
    angry = add(system, "angry", "complaint+1@simulator.amazonses.com", "pm_card_visa")

    report = system.close(PERIOD)

    assert report["proof"]["ties"], report["proof"]
    assert becomes(system, bouncing, NoticeState.BOUNCED) == "Permanent/General"
    assert becomes(system, angry, NoticeState.COMPLAINED) == "abuse"

    def released() -> bool:
        customer = system.runtime.books.customer(bouncing)
        return customer is not None and customer.held_since is None and not customer.takes_mail

    until("the hold is lifted", released)
    changes = [change.action for change in system.runtime.books.month(bouncing, PERIOD).holds]
    assert changes in ([], [HoldAction.PLACED, HoldAction.LIFTED])

    before = len(system.mails())
    report = system.close(PERIOD)
    assert report["notices"] | {"bounced": 1, "complained": 1} == report["notices"]
    assert {end["customer_id"] for end in report["unreached"]["customers"]} == {bouncing, angry}
    assert len(system.mails()) == before, "nothing more is sent to either"
