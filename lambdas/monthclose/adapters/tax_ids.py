"""Check a tax id's form and check digits by country, with python-stdnum. No register is asked.

python-stdnum is imported for the first tax id: most customers' files have none.
"""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.tax.tax import EU
from monthclose.domain.text import check_key

_OTHER_MODULES = {"US": "tin", "ZA": "tin"}
"""Countries whose businesses have another id than the one that python-stdnum calls `vat`."""
_LETTERS = {"GR": "EL"}
"""EU countries whose tax ids don't begin with the country's code."""


def check_tax_id(country: str, tax_id: str) -> str:
    """Return a tax id in its plain form: no spaces, and in the EU with the country's letters in front.

    If python-stdnum has no rule for the country, it is returned as it is.

    Raises
    ------
    UserMistakeError
        It is not a tax id of the country, or the country is not a two-letter code.
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
