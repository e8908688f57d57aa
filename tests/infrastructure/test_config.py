"""Settings are checked before anything is built, and the message says which one is wrong."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import LAST
from monthclose.domain.rehearsals.gate import GateSettings
from monthclose.names import Env
from monthclose.settings import Settings
from stacks.config import CONTEXT_KEY, Config, ConfigError, Target
from stacks.config.company import company_settings
from stacks.config.policies import gates_settings
from stacks.machines.monthly import monthly
from tests.infrastructure.synthesis import CONTEXT, Synthesized, synthesize

VALUES = CONTEXT[CONTEXT_KEY]


def parse(overrides: object) -> Config:
    return Config.parse(VALUES, json.dumps(overrides))


def test_the_repositorys_settings_are_valid() -> None:
    config = Config.parse(VALUES)
    assert config.target is Target.AWS
    assert [provider.name for provider in config.providers] == ["gocardless", "stripe"]
    assert config.mail_identity == "example.com"
    assert config.alarm_email is None


def test_the_app_says_what_is_wrong_with_a_setting_in_one_line() -> None:
    context = {CONTEXT_KEY: {**VALUES, "usage_months": 1}}
    env = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)}
    app = subprocess.run([sys.executable, "app.py"], env=env, capture_output=True, text=True, check=False)
    assert app.returncode == 1
    assert app.stderr.splitlines() == [
        "the settings (cdk.json) cannot be used: usage_months: 1 is out of bounds (2 or more)"
    ]


def test_an_override_changes_one_value_and_leaves_the_others() -> None:
    config = parse({"target": "local", "providers": {"stripe": {"api_base": "http://127.0.0.1:8000"}}})
    [_, stripe] = config.providers
    assert stripe.api_base == "http://127.0.0.1:8000"
    assert stripe.secret_name == "monthclose/stripe"
    assert config.local


@pytest.mark.parametrize(("rate", "burst"), [(0.5, 2), (15, 3), (1000, 200)])
def test_a_providers_limit_counts_the_account_by_default(rate: float, burst: int) -> None:
    settings = {"api_base": "https://a.example", "secret_name": "s", "maximum_concurrency": 2}
    [_, other, _] = parse({"providers": {"other": settings | {"requests_per_second": rate}}}).providers
    assert (other.limit_scope, other.reserve_share, other.burst) == ("account", 0, burst)


def test_a_sender_may_be_verified_by_its_address() -> None:
    assert parse({"mail_identity": "billing@example.com"}).mail_identity == "billing@example.com"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"target": "azure"}, "target: 'azure' is not one of aws, local"),
        ({"billing_days": [15]}, "billing_days: 1 is missing"),
        ({"billing_days": [1, 30]}, "billing_days: billing_day is neither a day from 1 to 28 nor last"),
        ({"billing_days": "15"}, "billing_days: a list of days is needed"),
        ({"billing_days": [1, 15], "deadline_hours": 30}, "deadline_hours: 30 is out of bounds .1 to 23"),
        ({"colour": "red"}, "colour: unknown; known here: alarm_email, billing_days, charge_timeout"),
        ({"time_zone": "Berlin"}, "time_zone: 'Berlin' is not a time zone like Europe/Berlin"),
        ({"customer_time_zones": "UTC"}, "customer_time_zones: a list of at most 20 is needed, not 'UTC'"),
        ({"customer_time_zones": ["Asia/Tokyo", 5]}, "customer_time_zones: '' is not a time zone"),
        ({"customer_time_zones": ["Asia/Tokyo"] * 2}, "customer_time_zones: a zone appears twice"),
        ({"earlier_time_zones": ["UTC"]}, r'earlier_time_zones\[1\]: an object is needed, like {"time_zone": "UTC"'),
        (
            {"earlier_time_zones": [{"time_zone": "UTC", "until": "2026-13"}]},
            r"earlier_time_zones\[1\].until: '2026-13' is not a day",
        ),
        (
            {"earlier_time_zones": [{"time_zone": "UTC", "until": day} for day in ("2026-11-01", "2026-10-01")]},
            "earlier_time_zones: the oldest comes first",
        ),
        ({"company_name": " "}, "company_name: a text is needed"),
        ({"company_name": None}, "company_name: missing"),
        ({"mail_sender": "billing"}, "mail_sender: 'billing' is not an e-mail address"),
        ({"mail_identity": "other.example"}, "mail_identity: 'other.example' is neither"),
        ({"mail_identity_created": "no"}, "mail_identity_created: true or false is needed"),
        ({"providers": []}, "providers: a JSON object is needed"),
        ({"providers": {"Stripe!": {}}}, "providers.Stripe!: a provider's name is"),
        ({"providers": {"stripe": {"rate": 1}}}, "providers.stripe.rate: unknown"),
        ({"providers": {"adyen": {}}}, "providers.adyen.api_base: missing"),
        ({"providers": {"stripe": {"api_base": "http://a.example"}}}, "providers.stripe.api_base: .* https://"),
        ({"providers": {"stripe": {"secret_name": "a b"}}}, "providers.stripe.secret_name: 'a b' is not a name"),
        ({"providers": {"stripe": {"requests_per_second": 0}}}, "requests_per_second: a number above 0"),
        ({"providers": {"stripe": {"requests_per_second": True}}}, "requests_per_second: a number above 0"),
        ({"providers": {"stripe": {"limit_scope": "key"}}}, "limit_scope: 'key' is not one of endpoint, account"),
        ({"providers": {"stripe": {"reserve_share": 1}}}, "reserve_share: a share of 0 to 0.95 is needed, not 1"),
        ({"providers": {"stripe": {"reserve_share": False}}}, "reserve_share: a share of 0 to 0.95"),
        ({"providers": {"stripe": {"burst": 1}}}, "burst: 1 is out of bounds .2 to 1000"),
        (
            {"providers": {"stripe": {"largest_charge_minor": {"default": 5}}}},
            "name each currency; there is no `default`",
        ),
        (
            {"providers": {"stripe": {"largest_charge_minor": {"eur": 5}}}},
            "'eur' is neither `default` nor a currency's code",
        ),
        ({"providers": {"stripe": {"maximum_concurrency": 1}}}, "maximum_concurrency: 1 is out of bounds .2 to 1000"),
        ({"usage_drop": {"wait_seconds": 29}}, r"usage_drop.wait_seconds: 29 is out of bounds \(30 to 3600\)"),
        ({"usage_months": 1}, r"usage_months: 1 is out of bounds \(2 or more\)"),
        ({"usage_months": "13"}, "usage_months: a whole number is needed"),
        (
            {"usage_drop": {"size": 1}},
            "usage_drop.size: unknown; known here: lanes, part_kb, rows_per_second_while_closing",
        ),
        ({"usage_drop": {"lanes": 0}}, "usage_drop.lanes: 0 is out of bounds .1 to 40"),
        ({"usage_drop": {"part_kb": 20_000}}, "usage_drop.part_kb: 20000 is out of bounds .1 to 16384"),
        ({"reconcile": {"every": 1}}, "reconcile.every: unknown"),
        ({"reconcile": {"every_minutes": 1}}, "reconcile.every_minutes: 1 is out of bounds .5 to 1440"),
        ({"hold_policy": {"grace": 1}}, "hold_policy.grace: unknown"),
        ({"hold_policy": {"threshold_minor": {"euro": 1}}}, "threshold_minor: 'euro' is neither"),
        ({"hold_policy": {"threshold_minor": {"EUR": -1}}}, "threshold_minor.EUR: -1 is out of bounds .0 or more"),
        ({"hold_policy": {"lift_manual": 1}}, "hold_policy.lift_manual: true or false is needed"),
        ({"dunning": {"retries": [1]}}, "dunning.retries: unknown"),
        ({"dunning": {"retry_days": 3}}, "dunning.retry_days: a list of days is needed"),
        ({"dunning": {"retry_days": [3, 1]}}, "dunning.retry_days: .* each later than the last"),
        ({"dunning": {"retry_days": [0]}}, "dunning.retry_days: .* from 1"),
        ({"dunning": {"retry_days": [True]}}, "dunning.retry_days: a list of days"),
        ({"dunning": {"reminder_days": [3, 14]}}, "dunning.reminder_days: .* last reminder's .14."),
        ({"dunning": {"last_reminder_day": 0}}, "dunning.last_reminder_day: 0 is out of bounds"),
        ({"dunning": {"after_last": "sue"}}, "dunning.after_last: 'sue' is not one of hold, leave_open"),
        ({"collections": {"hour": 24}}, "collections.hour: 24 is out of bounds .0 to 23"),
        ({"collections": {"enabled": "yes"}}, "collections.enabled: true or false is needed"),
        ({"max_rounds": 1.5}, "max_rounds: a whole number is needed, not 1.5"),
        ({"map_concurrency": 10_001}, "map_concurrency: 10001 is out of bounds .1 to 10000"),
        ({"charge_timeout_seconds": 901}, "charge_timeout_seconds: 901 is out of bounds"),
        ({"invoice_link_days": -1}, "invoice_link_days: -1 is out of bounds .0 to 3660"),
        ({"gates": {"total": 5}}, "gates.total: unknown; known here: approval, customer_floor_minor"),
        ({"gates": {"approval": "maybe"}}, "gates.approval: 'maybe' is not one of off, findings, always"),
        ({"gates": {"total_percent": -1}}, "gates.total_percent: a number of 0 or more is needed, not -1"),
        ({"gates": {"total_percent": "5%"}}, "gates.total_percent: a number of 0 or more"),
        ({"gates": {"parked_percent": 101}}, "gates.parked_percent: 101 is out of bounds .0 to 100"),
        ({"gates": {"customer_times": 0.5}}, "gates.customer_times: 0.5 times the usual invoice is less than it"),
        ({"gates": {"customer_floor_minor": {"EUR": 1}}}, "customer_floor_minor: has no effect without gates.customer"),
        ({"gates": {"invoice_minor": {"euro": 1}}}, "gates.invoice_minor: 'euro' is neither"),
        ({"gates": {"unused_entries": "yes"}}, "gates.unused_entries: true or false is needed"),
        ({"gates": {"everybody_customers": 0}}, "gates.everybody_customers: 0 is out of bounds .1 or more"),
        ({"company": "Example"}, "company: a JSON object is needed"),
        ({"company": {"colour": "red"}}, "company.colour: unknown; known here: address, bank, bic"),
        ({"company": {"language": "German"}}, "company.language: 'German' has no catalogue; there are en, de, es"),
        ({"company": {"country": "Germany"}}, "company.country: 'Germany' is not two capitals of ISO 3166"),
        ({"company": {"tax_id": "DE 136 695"}}, "company.tax_id: 'DE 136 695' is not capitals and digits"),
        ({"company": {"iban": "DE1"}}, "company.iban: 'DE1' is not capitals and digits without spaces"),
        ({"company": {"bic": "COBA"}}, "company.bic: 'COBA' is not 8 or 11 capitals"),
        ({"company": {"email": "billing"}}, "company.email: 'billing' is not an e-mail address"),
        ({"company": {"terms": "a\nb"}}, "company.terms: .* is not one line of at most 400"),
        ({"company": {"footer": "x" * 201}}, "company.footer: .* is not one line of at most 200"),
        ({"company": {"address": "Lindenallee 12"}}, "company.address: up to 4 lines"),
        ({"company": {"address": ["a", "b", "c", "d", "e"]}}, "company.address: up to 4 lines"),
        ({"company": {"payment_days": 14.5}}, "company.payment_days: 14.5 is not a whole number from 0 to 365"),
        ({"company": {"payment_days": 366}}, "company.payment_days: 366 is not a whole number"),
        ({"company": {"e_invoice": "yes"}}, "company.e_invoice: true or false is needed"),
        ({"company": {"e_invoice": True}}, "company.tax_id: missing; an electronic invoice"),
        ({"company": {"terms": "€" * 400, "footer": "€" * 200}}, "company: .* bytes in all, 1500 at most"),
    ],
)
def test_a_wrong_setting_is_named(overrides: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(overrides)


@pytest.mark.parametrize(
    ("values", "overrides", "message"),
    [
        (None, None, "no object under the key 'monthclose'"),
        (VALUES, "{", "-c monthclose-overrides: not JSON"),
        (VALUES, "[]", "-c monthclose-overrides: a JSON object is needed"),
        (VALUES | {"providers": {}}, None, "providers: at least one"),
        (VALUES | {"hold_policy": {"grace_days": 0, "threshold_minor": {}}}, None, "`default` is missing"),
    ],
)
def test_settings_of_the_wrong_shape_are_refused(values: object, overrides: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.parse(values, overrides)


def test_without_a_registered_name_invoices_carry_the_one_customers_know() -> None:
    company = parse({"company": {"name": None}}).company
    assert company_settings(company)["name"] == VALUES["company_name"]


def test_settings_without_the_newer_invoice_fields_can_still_be_used() -> None:
    older = {name: value for name, value in VALUES.items() if name not in ("company", "invoice_link_days")}
    config = Config.parse(older)
    assert company_settings(config.company) == {"name": VALUES["company_name"], "payment_days": 0, "e_invoice": False}
    assert config.invoice_link_days == 0


def test_the_company_settings_are_the_ones_the_functions_read(aws: Synthesized) -> None:
    company = parse({"company": {"tax_id": "DE136695976", "payment_days": 14, "e_invoice": True}}).company
    told = aws.functions()["open_close"]["Environment"]["Variables"]
    plain = {name: value if isinstance(value, str) else "{}" for name, value in told.items()}
    read = Settings.from_mapping(plain | {Env.COMPANY: json.dumps(company_settings(company))}).company
    assert (read.seller.name, read.seller.address, read.seller.tax_id) == (
        "Example Cloud GmbH",
        ("Lindenallee 12",),
        "DE136695976",
    )
    assert (read.payment_days, read.e_invoice) == (14, True)


@pytest.mark.parametrize("overrides", [{}, {"dunning": {"retry_days": [2], "after_last": "leave_open"}}])
def test_the_dunning_settings_are_the_ones_the_functions_read(overrides: object) -> None:
    config = parse(overrides)
    values: dict[Env, object] = {
        Env.DUNNING: config.dunning.settings(),
        Env.HOLD_POLICY: asdict(config.hold_policy),
        Env.COMPANY: company_settings(config.company),
    }
    settings = Settings.from_mapping(ENVIRONMENT | {env: json.dumps(value) for env, value in values.items()})
    assert asdict(settings.dunning) == asdict(config.dunning)  # the enums are texts, and compare as such
    assert asdict(settings.hold_policy) == asdict(config.hold_policy)


GATES = {
    "approval": "findings",
    "total_percent": 10,
    "invoice_minor": {"EUR": 10_000_00},
    "customer_times": 2.5,
    "customer_floor_minor": {"default": 5000},
    "vanished_customers": 3,
    "unused_entries": True,
    "everybody_percent": 50,
    "everybody_customers": 20,
    "parked_percent": 0.5,
    "gone_percent": 5,
    "new_percent": 20,
    "differ_percent": 0.1,
    "differ_minor": {"default": 100},
}


def _with_a_company() -> dict[str, str]:
    return ENVIRONMENT | {Env.COMPANY: json.dumps(company_settings(parse({}).company))}


def test_the_time_zones_are_the_ones_the_functions_read(tmp_path: Path) -> None:
    zones = {
        "time_zone": "Asia/Tokyo",
        "customer_time_zones": ["Asia/Kathmandu"],
        "earlier_time_zones": [{"time_zone": "Asia/Seoul", "until": "2026-11-01"}],
    }
    made = synthesize(zones, tmp_path)
    (function, *_) = made.functions().values()
    stored = json.loads(function["Environment"]["Variables"][Env.TIME_ZONES])
    assert BillingCalendar.from_values(stored) == parse(zones).calendar
    rules = [rule.get("ScheduleExpression", "") for rule in made.of_type("AWS::Events::Rule").values()]
    assert "cron(15 18 L * ? *)" in rules, "when the month has ended in Kathmandu, the last of them"
    assert "cron(15 2 1 * ? *)" in rules, "the deadline is eight hours later"


@pytest.mark.parametrize(
    ("zone", "customers", "close"),
    [
        ("UTC", [], "cron(0 0 1 * ? *)"),
        ("Europe/Berlin", [], "cron(0 23 L * ? *)"),
        ("America/Los_Angeles", [], "cron(0 8 1 * ? *)"),
        ("Asia/Kolkata", [], "cron(30 18 L * ? *)"),
        ("Pacific/Auckland", ["Europe/London"], "cron(0 0 1 * ? *)"),
    ],
)
def test_a_close_starts_when_the_month_has_ended_everywhere_in_summer_and_in_winter(
    zone: str, customers: list[str], close: str
) -> None:
    calendar = parse({"time_zone": zone, "customer_time_zones": customers}).calendar
    assert monthly(calendar.latest_over).expression_string == close


@pytest.mark.parametrize(
    ("zone", "close", "deadline"),
    [
        ("UTC", "cron(0 0 L * ? *)", "cron(0 23 L * ? *)"),
        ("Asia/Tokyo", "cron(0 0 L * ? *)", "cron(0 23 L * ? *)"),  # no rule can name the day before the last
        ("America/Los_Angeles", "cron(0 8 L * ? *)", "cron(0 7 1 * ? *)"),
    ],
)
def test_the_close_of_the_last_day_starts_on_it_and_its_deadline_counts_from_there(
    zone: str, close: str, deadline: str
) -> None:
    after = parse({"time_zone": zone}).calendar.closes_after(LAST)
    assert monthly(after, LAST).expression_string == close
    assert monthly(after + timedelta(hours=23), LAST).expression_string == deadline


def test_the_gates_rules_are_the_ones_the_functions_read(aws: Synthesized) -> None:
    gates = parse({"gates": GATES}).gates
    written = gates_settings(gates)
    assert written == GATES
    assert Settings.from_mapping(_with_a_company() | {Env.GATES: json.dumps(written)}).gates == gates
    assert aws.functions()["open_close"]["Environment"]["Variables"][Env.GATES] == "{}"


def test_all_gates_are_off_by_default() -> None:
    assert parse({}).gates == Config.parse({**VALUES, "gates": {}}).gates == GateSettings()
    older = {name: value for name, value in _with_a_company().items() if name != Env.GATES}
    assert Settings.from_mapping(older).gates == GateSettings()


def test_the_journals_accounts_are_the_ones_the_functions_read() -> None:
    values = {"chart": "skr03", "accounts": {"revenue/DE/19": "8400"}, "datev": {"consultant": 29098, "client": 55003}}
    journal = parse({"journal": values}).journal
    assert (journal.account("revenue/DE/19"), journal.account("revenue/FR/20")) == ("8400", "8200")
    written = json.dumps(journal.values())
    assert Settings.from_mapping(_with_a_company() | {Env.JOURNAL: written}).journal == journal
    assert parse({}).journal.values() == {}
    older = {name: value for name, value in _with_a_company().items() if name != Env.JOURNAL}
    assert Settings.from_mapping(older).journal == parse({}).journal


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        ({"chart": "skr99"}, "journal: 'skr99' is not a chart"),
        ({"accounts": {"turnover": "4000"}}, "journal: 'turnover' names no account"),
        ({"accounts": {"revenue": ""}}, "journal.accounts.revenue: a text is needed"),
        ({"datev": {"consultant": 12}}, "journal.datev.consultant: 12 is out of bounds"),
        ({"colour": "red"}, "journal.colour: unknown"),
    ],
)
def test_a_journal_that_cannot_be_written_is_refused(journal: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse({"journal": journal})


@pytest.mark.parametrize("dunning", ["{}", "[]", '{"retry_days": [], "reminder_days": [], "after_last": "sue"}'])
def test_dunning_settings_that_functions_cannot_read_are_named(dunning: str) -> None:
    with pytest.raises(UserMistakeError, match=r"MONTHCLOSE_DUNNING cannot be used"):
        Settings.from_mapping(ENVIRONMENT | {Env.DUNNING: dunning})


ENVIRONMENT: dict[str, str] = {
    **dict.fromkeys(Env, "any"),
    Env.BILLING_DAYS: "[1]",
    Env.USAGE_DROP: "{}",
    **dict.fromkeys((Env.PROVIDERS, Env.HOLD_POLICY, Env.INVOICE_LINKS, Env.INVOICING), "{}"),
    Env.DUNNING: json.dumps({"retry_days": [], "reminder_days": [], "after_last": "hold"}),
    **dict.fromkeys(
        (Env.MAX_REJECTED_PERCENT, Env.MAX_BATCHES, Env.MAX_ROUNDS, Env.ROUND_WAIT_SECONDS, Env.DEADLINE_HOURS), "1"
    ),
    Env.GENERATED_PER_SECOND: "400",
    Env.MAIL_PACE: "{}",
    Env.GATES: "{}",
    Env.HAND_LIMITS: "{}",
    Env.JOURNAL: "{}",
    Env.TIME_ZONES: "{}",
    Env.USAGE_MONTHS: "13",
    Env.BILLING_DAYS: "[1]",
}


FULL_COMPANY = {"terms": "t" * 390, "footer": "f" * 190, "registration": "r" * 110, "address": ["a" * 80] * 4}
PROVIDER = {"api_base": "https://a.example", "secret_name": "s", "requests_per_second": 1, "maximum_concurrency": 2}


@pytest.mark.long
@pytest.mark.parametrize(
    "overrides",
    [{"company": FULL_COMPANY}, {"providers": {f"provider{number}": PROVIDER for number in range(4)}}],
    ids=["a company that says much of itself", "six providers"],
)
def test_settings_that_the_functions_cannot_hold_are_refused_before_anything_is_deployed(
    overrides: dict[str, object], tmp_path: Path
) -> None:
    parse(overrides)
    with pytest.raises(ConfigError, match=r"too long for the functions' environment: [45]\d{3} bytes, 4096"):
        synthesize(overrides, tmp_path)
