"""Tax ids are checked by their country's rules, and written one way."""

import pytest

from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.errors import UserMistakeError


@pytest.mark.parametrize(
    ("country", "tax_id", "plain"),
    [
        ("DE", "DE 136,695 976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("de", "de136695976", "DE136695976"),
        ("GR", "094259216", "EL094259216"),
        ("GR", "EL094259216", "EL094259216"),
        ("FR", "Fr 40 303 265 045", "FR40303265045"),
        ("PL", "PL 8567346215", "PL8567346215"),
        ("AU", "51 824 753 556", "51824753556"),
        ("GB", "GB 980 7806 84", "980780684"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("IN", "27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
        ("US", "536-90-4399", "536904399"),
        ("LI", "anything printable", "anything printable"),  # no rule is known: taken as it is
    ],
)
def test_a_valid_id_is_normalised(country: str, tax_id: str, plain: str) -> None:
    assert check_tax_id(country, tax_id) == plain


@pytest.mark.parametrize(
    ("country", "tax_id", "message"),
    [
        ("DE", "DE136695978", "tax_id is not a tax ID of DE"),  # a check digit
        ("DE", "FR40303265045", "tax_id is not a tax ID of DE"),
        ("AU", "99 999 999 999", "tax_id is not a tax ID of AU"),
        ("AU", "hello", "tax_id is not a tax ID of AU"),
        ("", "DE136695976", "tax_id needs a country"),
        ("Germany", "DE136695976", "tax_id needs a country"),
        ("d1", "DE136695976", "tax_id needs a country"),
        ("LI", "a\nb", "tax_id has unprintable characters"),
    ],
)
def test_an_invalid_id_is_refused(country: str, tax_id: str, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        check_tax_id(country, tax_id)
