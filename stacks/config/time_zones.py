"""The time zones that bills go by, read from the settings."""

from datetime import date

from monthclose.domain.calendar import PLAIN, BillingCalendar, EarlierZone, checked_zone
from monthclose.domain.errors import UserMistakeError
from stacks.config.reading import ConfigError, Json, check_known, read_text

_MOST_CUSTOMER_ZONES, _MOST_EARLIER = 20, 10
"""They are in each function's environment, which has 4 KB."""


def read_calendar(settings: Json) -> BillingCalendar:
    """Read `time_zone`, `customer_time_zones` and `earlier_time_zones`."""
    zone = _zone("time_zone", read_text(settings, "", "time_zone", default=PLAIN))
    own = _list(settings, "customer_time_zones", _MOST_CUSTOMER_ZONES)
    customer_zones = tuple(_zone("customer_time_zones", name) for name in own)
    if len(set(customer_zones)) < len(customer_zones):
        raise ConfigError("customer_time_zones: a zone is there twice")
    before = _list(settings, "earlier_time_zones", _MOST_EARLIER)
    earlier = tuple(_earlier(f"earlier_time_zones[{number}]", entry) for number, entry in enumerate(before, 1))
    days = [one.until for one in earlier]
    if days != sorted(set(days)):
        raise ConfigError("earlier_time_zones: the oldest comes first, and each is until a later day than the last")
    return BillingCalendar(zone, customer_zones, earlier)


def _earlier(path: str, entry: object) -> EarlierZone:
    if not isinstance(entry, dict):
        raise ConfigError(f'{path}: an object is needed, like {{"time_zone": "UTC", "until": "2026-11-01"}}')
    check_known(entry, path, "time_zone", "until")
    zone = _zone(f"{path}.time_zone", read_text(entry, path, "time_zone"))
    until = read_text(entry, path, "until")
    try:
        return EarlierZone(zone, date.fromisoformat(until))
    except ValueError:
        raise ConfigError(f"{path}.until: {until!r} is not a day like 2026-11-01") from None


def _list(settings: Json, name: str, most: int) -> list[object]:
    values = settings.get(name, [])
    if not isinstance(values, list) or len(values) > most:
        raise ConfigError(f"{name}: a list of at most {most} is needed, not {values!r}")
    return values


def _zone(path: str, name: object) -> str:
    try:
        return checked_zone(name if isinstance(name, str) else "")
    except UserMistakeError as error:
        raise ConfigError(f"{path}: {error}") from None
