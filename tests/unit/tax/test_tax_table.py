"""Who pays which taxes: by place and day, with reverse charge; and an unusable table names the entry."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.tax.reading import new_tax_table, read_tax_table
from monthclose.domain.tax.tax import UNTAXED, Taxation, TaxCategory
from monthclose.domain.tax.tax_table import NoTaxTable, TaxTable

TABLE = """
seller = "DE"

[[rate]]
countries = ["DE"]
name = "VAT"
percent = "19"
until = 2027-01-01
inclusive = false

[[rate]]
countries = ["DE"]
name = "VAT"
percent = 20
from = 2027-01-01

[[rate]]
countries = ["FR", "GR"]
name = "VAT"
percent = "20"

[[rate]]
countries = ["CA"]
name = "GST"
percent = "5"
regions = ["QC", "BC", "AB"]

[[rate]]
countries = ["CA"]
name = "QST"
percent = "9.975"
regions = ["QC"]

[[rate]]
countries = ["CA"]
name = "HST"
percent = "13"
regions = ["ON"]

[[rate]]
countries = ["AU"]
name = "GST"
percent = "10"
inclusive = true

[[rate]]
countries = ["US"]
name = "VAT"
percent = 0
category = "O"
note = "Not subject to German VAT."

[[reverse_charge]]
countries = "EU"
note = "Reverse charge: the recipient owes the VAT (Article 196, Directive 2006/112/EC)."
"""
OCTOBER_31 = date(2026, 10, 31)


@pytest.fixture
def table() -> TaxTable:
    return read_tax_table(TABLE.encode())


def said(taxation: Taxation) -> list[tuple[str, str]]:
    return [(rate.name, str(rate.percent)) for rate in taxation.rates]


@pytest.mark.parametrize(
    ("country", "region", "tax_id", "expected"),
    [
        ("DE", "", "", [("VAT", "19")]),
        ("de ", "", "", [("VAT", "19")]),
        ("DE", "", "DE136695976", [("VAT", "19")]),  # at home there is no reverse charge
        ("FR", "", "", [("VAT", "20")]),  # a consumer
        ("FR", "", "FR40303265045", [("VAT", "0")]),
        ("GR", "", "EL094259216", [("VAT", "0")]),  # Greece's ids begin with EL
        ("FR", "", "DE136695976", [("VAT", "20")]),  # not an id of theirs
        ("CA", "QC", "", [("GST", "5"), ("QST", "9.975")]),
        ("CA", "bc", "", [("GST", "5")]),
        ("CA", "ON", "", [("HST", "13")]),
        ("AU", "NSW", "51824753556", [("GST", "10")]),
        ("US", "NY", "", [("VAT", "0")]),
    ],
)
def test_a_customer_pays_the_rates_of_their_place(
    table: TaxTable, country: str, region: str, tax_id: str, expected: list[tuple[str, str]]
) -> None:
    assert said(table.for_customer(country, region, tax_id, OCTOBER_31)) == expected


def test_a_reverse_charge_says_why(table: TaxTable) -> None:
    (rate,) = table.for_customer("FR", "", "FR40303265045", OCTOBER_31).rates
    assert rate.category is TaxCategory.REVERSE_CHARGE
    assert "Article 196" in rate.note


def test_a_rate_changes_on_its_day(table: TaxTable) -> None:
    days = {day: said(table.for_customer("DE", "", "", day)) for day in (date(2026, 12, 31), date(2027, 1, 1))}
    assert list(days.values()) == [[("VAT", "19")], [("VAT", "20")]]


def test_prices_are_gross_where_the_table_says_so(table: TaxTable) -> None:
    assert table.for_customer("AU", "", "", OCTOBER_31).inclusive
    assert not table.for_customer("DE", "", "", OCTOBER_31).inclusive


@pytest.mark.parametrize(
    ("country", "region", "detail"),
    [
        ("", "", "the customer has no country"),
        ("NO", "", r"no rate for NO \(no region given\) on 2026-10-31"),
        ("CA", "", r"no rate for CA \(no region given\)"),  # not the federal rate alone: the province matters
        ("CA", "ZZ", "no rate for CA, region 'ZZ', on 2026-10-31"),
        ("United Kingdom", "", "UNITED KINGDOM"),
    ],
)
def test_a_customer_not_covered_is_parked_and_never_billed_untaxed(
    table: TaxTable, country: str, region: str, detail: str
) -> None:
    with pytest.raises(ParkCustomerError, match=detail) as parked:
        table.for_customer(country, region, "", OCTOBER_31)
    assert parked.value.reason == "tax_not_covered"


def test_a_tax_id_does_not_bypass_a_place_without_rates(table: TaxTable) -> None:
    with pytest.raises(ParkCustomerError, match="no rate for NO"):
        table.for_customer("NO", "", "988077917MVA", OCTOBER_31)


def test_without_a_table_nobody_is_taxed_and_nobody_parked() -> None:
    assert NoTaxTable().for_customer("Nowhere", "", "", OCTOBER_31) == UNTAXED


def test_a_version_identifies_the_content(table: TaxTable) -> None:
    assert read_tax_table((TABLE + "\n# a comment\n").encode()).version == table.version
    assert read_tax_table(TABLE.replace('"19"', '"19.5"').encode()).version != table.version
    assert read_tax_table(TABLE.replace('"19"', '"19.00"').encode()).version == table.version


RATE = '[[rate]]\ncountries = ["DE"]\nname = "VAT"\npercent = "19"\n'
OTHER = '[[rate]]\ncountries = ["FR", "DE"]\n'


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("seller = ", "this is not TOML"),
        (RATE, "seller: the company's own country"),
        ('seller = "Germany"\n' + RATE, "seller: the company's own country"),
        ('seller = "DE"', r"the tax table has no \[\[rate\]\]"),
        ('seller = "DE"\nrate = 19', r"rate: write each entry as a table, headed \[\[rate\]\]"),
        ('seller = "DE"\ncolour = "red"\n' + RATE, "the tax table: 'colour' is unknown"),
        ('seller = "DE"\n' + RATE + "rate = 19", "rate 1: 'rate' is unknown; choose from countries, regions"),
        ('seller = "DE"\n' + RATE.replace('"19"', "19.5"), "rate 1: percent is needed as text or a whole number"),
        ('seller = "DE"\n' + RATE.replace('"19"', '"nineteen"'), "rate 1: percent is not a number"),
        ('seller = "DE"\n' + RATE.replace('"19"', '"NaN"'), "rate 1: percent is not a number"),
        ('seller = "DE"\n' + RATE.replace('"19"', '"101"'), "rate 1: percent 101 is not from 0 to 100"),
        ('seller = "DE"\n' + RATE.replace('"19"', '"-1"'), "rate 1: percent -1 is not from 0 to 100"),
        ('seller = "DE"\n' + RATE.replace('["DE"]', '"DE"'), r'rate 1: countries is a list.*: write \["DE"\]'),
        (
            'seller = "DE"\n' + RATE.replace('["DE"]', '"ca, US"'),
            r'rate 1: countries is a list.*: write \["CA", "US"\]',
        ),
        ('seller = "DE"\n' + RATE.replace('["DE"]', "[49]"), "rate 1: countries is a list of codes in quotes"),
        ('seller = "DE"\n' + RATE + 'regions = "BY"', r'rate 1: regions is a list.*: write \["BY"\]'),
        ('seller = "DE"\n' + RATE.replace('["DE"]', '["UK"]'), 'rate 1: "UK" is not an ISO 3166 country; write "GB"'),
        ('seller = "EL"\n' + RATE, 'seller: "EL" is not an ISO 3166 country; write "GR"'),
        ('seller = "EU"\n' + RATE, 'seller: "EU" is not an ISO 3166 country'),
        ('seller = "DE"\n' + RATE.replace('["DE"]', '["DE", "QQ"]'), 'rate 1: "QQ" is not an ISO 3166 country'),
        (
            'seller = "DE"\n' + RATE + '[[reverse_charge]]\ncountries = ["ZZ"]\nnote = "a"',
            'reverse_charge 1: "ZZ" is not an ISO 3166 country',
        ),
        (
            'seller = "DE"\n' + RATE + 'regions = ["de-by"]',
            'rate 1: the region "DE-BY" includes its country; write "BY"',
        ),
        ('seller = "DE"\n' + RATE + 'regions = ["Bavaria"]', 'rate 1: "BAVARIA" is not a region code: write 1 to 3'),
        ('seller = "DE"\n' + RATE.replace('["DE"]', '["Germany"]'), "rate 1: countries is a list of ISO 3166 codes"),
        ('seller = "DE"\n' + RATE.replace('["DE"]', "[]"), "rate 1: countries is a list of ISO 3166 codes"),
        ('seller = "DE"\n' + RATE.replace('"VAT"', '" "'), "rate 1: name is needed"),
        ('seller = "DE"\n' + RATE + 'from = "2026-01-01"', "rate 1: from is not a date; write it without quotes"),
        ('seller = "DE"\n' + RATE + "from = 2026-01-01\nuntil = 2026-01-01", "rate 1: it ends .* before it begins"),
        ('seller = "DE"\n' + RATE + 'category = "AE"', "rate 1: category 'AE' is not one of S, Z, E, G, O"),
        ('seller = "DE"\n' + RATE + 'category = "O"', "rate 1: category S is for rates above zero"),
        ('seller = "DE"\n' + RATE.replace('"19"', "0") + 'category = "E"', "rate 1: a note is needed"),
        ('seller = "DE"\n' + RATE + 'inclusive = "yes"', "rate 1: inclusive must be true or false"),
        (
            'seller = "DE"\n' + RATE + OTHER + 'name = "VAT"\npercent = 20',
            "rate 1 and rate 2 are both called 'VAT' and overlap in DE: end the one with `until`",
        ),
        (
            'seller = "DE"\n' + RATE + OTHER + 'name = "Levy"\npercent = 1\ninclusive = true',
            "rate 1 and rate 2 apply together in DE, but only one of them is inclusive",
        ),
        ('seller = "DE"\n' + RATE + '[[reverse_charge]]\ncountries = "EU"', "reverse_charge 1: note is needed"),
        (
            'seller = "DE"\n' + RATE + '[[reverse_charge]]\ncountries = "EU"\nnote = "a"\n' * 2,
            "reverse_charge 1 and reverse_charge 2 are both called 'VAT' and overlap in AT",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_which_entry_and_why(toml: str, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        new_tax_table(toml.encode())


@pytest.mark.parametrize("countries", ['"EU"', '["EU"]', '["EU", "FR"]'])
def test_the_eu_means_its_member_states_alone_and_in_a_list(countries: str) -> None:
    table = new_tax_table(('seller = "DE"\n' + RATE.replace('["DE"]', countries)).encode())
    assert table.version == new_tax_table(('seller = "DE"\n' + RATE.replace('["DE"]', '"EU"')).encode()).version
    assert said(table.for_customer("DE", "", "", OCTOBER_31)) == [("VAT", "19")]


def test_the_eu_may_stand_beside_other_countries() -> None:
    table = new_tax_table(('seller = "DE"\n' + RATE.replace('["DE"]', '["NO", "EU"]')).encode())
    assert {"NO", "DE", "FR"} < set(table.rules[0].countries)
    assert len(table.rules[0].countries) == 28


def test_an_entry_that_overlaps_with_the_eu_in_a_list_is_detected() -> None:
    toml = 'seller = "DE"\n' + RATE + RATE.replace('["DE"]', '["CH", "EU"]')
    with pytest.raises(UserMistakeError, match="rate 1 and rate 2 are both called 'VAT' and overlap in DE"):
        new_tax_table(toml.encode())


def test_a_table_imported_before_codes_were_checked_can_still_be_read() -> None:
    stored = 'seller = "DE"\n' + RATE.replace('["DE"]', '["UK"]') + 'regions = ["UK-LND"]'
    assert said(read_tax_table(stored.encode()).for_customer("UK", "uk-lnd", "", OCTOBER_31)) == [("VAT", "19")]


def test_consecutive_and_separate_rates_do_not_overlap() -> None:
    follow = RATE + "until = 2027-01-01\n" + RATE + "from = 2027-01-01\n"
    apart = RATE.replace("DE", "US") + 'regions = ["NY"]\n' + RATE.replace("DE", "US") + 'regions = ["CA"]\n'
    table = read_tax_table(('seller = "DE"\n' + follow + apart).encode())
    assert len(table.rules) == 4
    assert table.rules[0].rate.percent == Decimal(19)


def test_the_table_in_the_guide_can_be_used() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "taxes.md").read_text()
    table = new_tax_table(guide.partition("```toml\n")[2].partition("```")[0].encode())
    assert said(table.for_customer("CA", "QC", "", OCTOBER_31)) == [("GST", "5"), ("QST", "9.975")]
    assert said(table.for_customer("FR", "", "FR40303265045", OCTOBER_31)) == [("VAT", "0")]
