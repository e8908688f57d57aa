"""Usage: what an event says."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent


def test_an_event_belongs_to_the_month_of_its_time_in_utc() -> None:
    new_york = timezone(timedelta(hours=-4))
    event = UsageEvent("e", "C-1", "droplet", Decimal(1), datetime(2026, 9, 30, 20, tzinfo=new_york))
    assert event.period == Period(2026, 10)
