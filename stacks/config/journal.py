"""How the journal for the general ledger is written: the object `journal` of the settings."""

from collections.abc import Mapping

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.chart import DatevSettings, JournalSettings
from stacks.config.reading import ConfigError, Json, check_fields, check_known, read_integer, read_object, read_text


def read_journal(values: Json) -> JournalSettings:
    """Read `journal`. Without it, accounts have the journal's own names, and there is no file for DATEV."""
    path = "journal"
    check_known(values, path, "chart", "accounts", "datev")
    values = {"accounts": {}, "datev": {}, **values}
    accounts = read_object(values, path, "accounts")
    texts = {name: read_text(accounts, f"{path}.accounts", name) for name in accounts}
    try:
        chart = read_text(values, path, "chart", default="")
        return JournalSettings(chart, texts, _read_datev(read_object(values, path, "datev"), f"{path}.datev"))
    except UserMistakeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _read_datev(values: Json, path: str) -> DatevSettings:
    check_fields(values, path, DatevSettings)
    bounds: Mapping[str, tuple[int, int, int]] = {
        "consultant": (1001, 1001, 9_999_999),
        "client": (1, 1, 99_999),
        "account_length": (4, 4, 8),
        "fiscal_year_month": (1, 1, 12),
    }
    return DatevSettings(
        **{
            name: read_integer({name: default, **values}, path, name, least=least, most=most)
            for name, (default, least, most) in bounds.items()
        }
    )
