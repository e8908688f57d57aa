"""Places as tax tables write them: codes of ISO 3166, and "EU" for its member states."""

import re
from collections.abc import Collection, Iterable

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.tax.tax import EU

_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset({*_CODES.split(), "XK"})
"""ISO 3166-1 alpha-2, and what everybody writes for Kosovo, which has none there."""

_MEANT = {"UK": "GB", "EL": "GR"}
"""Codes that are used elsewhere (Internet names, tax ids), and what ISO 3166 has for them."""
_REGION = re.compile(r"[A-Z0-9]{1,3}")


def spelt_out(countries: Iterable[str]) -> tuple[str, ...]:
    """Put the member states in the place of "EU"."""
    given = tuple(countries)
    return tuple(sorted({*given, *EU} - {"EU"})) if "EU" in given else given


def check_places(what: str, countries: Collection[str], regions: Iterable[str] = ()) -> None:
    """Refuse what is no country's code, and what cannot be a region's.

    Of regions only the form is checked: ISO 3166-2 has 5,000, and they change.

    Parameters
    ----------
    what : str
        The entry that names them.

    Raises
    ------
    UserMistakeError
        One is none; the message says how it is written.
    """
    for country in countries:
        if country not in COUNTRIES:
            hint = f'; write "{_MEANT[country]}"' if country in _MEANT else ""
            raise UserMistakeError(f'{what}: "{country}" is not an ISO 3166 country{hint}')
    for region in regions:
        country, _, part = region.partition("-")
        if country in countries and _REGION.fullmatch(part):
            raise UserMistakeError(f'{what}: the region "{region}" includes its country; write "{part}"')
        if not _REGION.fullmatch(region):
            raise UserMistakeError(
                f'{what}: "{region}" is not a region code: write 1 to 3 letters or digits, the part of ISO 3166-2 '
                'after the country and the hyphen, like "NY"'
            )
