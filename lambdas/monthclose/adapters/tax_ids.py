"""Whether a tax id can be one: its form and check digits by country, from python-stdnum. No register is asked.

Imported when the first tax id comes up: most customers' files have none.
"""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.tax.tax import EU
from monthclose.domain.text import check_key

_OTHER_MODULES = {"US": "tin", "ZA": "tin"}
"""Where what businesses have isn't what python-stdnum knows as the country's `vat`."""
_LETTERS = {"GR": "EL"}
"""EU countries whose tax ids don't begin with the country's code."""


def check_tax_id(country: str, tax_id: str) -> str:
    """Return a tax id as it is written plainly: no spaces, and in the EU with the country's letters in front.

    One of a country that python-stdnum has no rule for is taken as it is.

    Raises
    ------
    UserMistakeError
        It is none of the country's; or the country isn't a code, so that nobody can tell.
    """
    from stdnum import get_cc_module  # noqa: PLC0415
    from stdnum.exceptions import ValidationError  # noqa: PLC0415

    code = country.upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise UserMistakeError("tax_id needs a country, as two ISO 3166 letters like DE")
    module = get_cc_module(code, _OTHER_MODULES.get(code, "vat"))
    if module is None:
        return check_key(tax_id, "tax_id")
    try:
        plain = module.validate(tax_id)
    except ValidationError:
        raise UserMistakeError(f"tax_id is not a tax ID of {code}") from None
    letters = _LETTERS.get(code, code) if code in EU else ""
    return plain if plain.startswith(letters) else letters + plain
