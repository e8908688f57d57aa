"""`monthclose audit`, and that every command that changes something records it first."""

import json
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.accounts.customer import Profile
from monthclose.domain.audit import Caller
from monthclose.errors import TryLaterError
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import OCTOBER, World

BROKEN = TryLaterError("DynamoDB is briefly unavailable")


@pytest.fixture(autouse=True)
def _customer(world: World) -> None:
    world.directory.put_profiles([("acme", Profile("Acme", "billing@acme.example", "USD", "stripe", "ok"))])


@pytest.fixture
def closed(world: World) -> World:
    """A world with a closed month; acme's card was declined for 100.00 and works now."""
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.add_customer("acme", method="ok")
    return world


def file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def told(world: World) -> list[dict[str, Any]]:
    return [act.content() for act in world.audit.told]


def test_an_import_is_one_act_with_counts_and_nothing_of_what_is_in_the_file(
    monthclose: Command, world: World, tmp_path: Path
) -> None:
    rows = "customer_id,name,email,currency,payment_provider,payment_method\n"
    rows += "a,Secret Ltd,a@secret.example,USD,stripe,pm_1\nb,Secret Ltd,b@secret.example,USD,stripe,pm_2\nc,,,,,\n"
    monthclose("import", "customers", file(tmp_path, "customers.csv", rows), "--by", "ada", "--max-rejected", "50")
    act, done = told(world)
    assert (act["what"], act["by"], json.loads(act["after"])) == (
        "customers.imported",
        "ada",
        {"file": "customers.csv"},
    )
    assert json.loads(done["after"]) == {"imported": 2, "rejected": 1}
    assert "ecret" not in "".join(each.content for each in world.audit.acts)


def test_imports_of_prices_and_taxes_say_from_which_version_to_which(
    monthclose: Command, world: World, tmp_path: Path
) -> None:
    prices = file(tmp_path, "prices.csv", "sku,currency,unit_price\nvm,USD,0.01\n")
    book = file(tmp_path, "book.toml", '[[prices]]\nsku = "vm"\ncurrency = "USD"\nunit_price = "0.02"\n')
    taxes = file(tmp_path, "taxes.toml", 'seller = "PL"\n[[rate]]\ncountries = ["PL"]\nname = "VAT"\npercent = 23\n')
    monthclose("import", "prices", prices)
    first = world.price_books.latest()
    monthclose("import", "prices", book)
    _, came, act, done = told(world)
    assert json.loads(came["after"]) == {"version": first, "imported": 1, "rejected": 0}
    assert json.loads(act["before"]) == {"version": first}
    assert json.loads(done["after"])["version"] == world.price_books.latest() != first
    monthclose("import", "taxes", taxes)
    assert json.loads(told(world)[-1]["after"])["version"] == world.tax_tables.latest()


def test_a_logo_and_usage_are_imported_as_acts(monthclose: Command, world: World, tmp_path: Path) -> None:
    monthclose("import", "logo", file(tmp_path, "logo.svg", "<svg/>"))
    usage = file(tmp_path, "usage.csv", "customer_id,sku,quantity,time\nacme,vm,1,2026-10-03\n")
    monthclose("import", "usage", usage)
    assert [act["what"] for act in told(world)] == ["logo.imported", "act.done", "usage.imported", "act.done"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["credit", "acme", "--amount", "12.50", "--reason", "outage"],
            {
                "what": "credit.granted",
                "why": "outage",
                "before": "100.00 USD owed",
                "after": "12.50 USD of goodwill credit",
            },
        ),
        (
            ["payments", "record", "acme", "--amount", "5", "--reference", "TX-1"],
            {"what": "payment.recorded", "why": "reference TX-1", "after": "5.00 USD received outside the providers"},
        ),
        (
            ["hold", "acme", "--reason", "fraud"],
            {"what": "hold.placed", "why": "fraud", "after": "on hold"},
        ),
        (
            ["release", "acme", "--reason", "they called"],
            {"what": "hold.lifted", "why": "they called", "after": "not on hold"},
        ),
        (
            ["pay", "acme"],
            {"what": "payment.requested", "before": "100.00 USD owed", "after": '{"at_most": "all that is open"}'},
        ),
        (
            ["invoice", "credit", "INV-00000001", "--amount", "1", "--reason", "a mistake"],
            {
                "what": "invoice.credited",
                "why": "a mistake",
                "before": "100.00 USD: 0.00 USD collected, 0.00 USD credited",
                "invoice": "INV-00000001",
                "period": "2026-10",
            },
        ),
        (["invoice", "void", "INV-00000001", "--reason", "a mistake"], {"what": "invoice.voided"}),
        (["invoice", "regenerate", "INV-00000001", "--reason", "new prices"], {"what": "invoice.regenerated"}),
    ],
)
def test_what_a_person_does_to_an_account_is_recorded_with_who_why_and_from_what_to_what(
    monthclose: Command, closed: World, arguments: list[str], expected: dict[str, str]
) -> None:
    monthclose(*arguments, "--by", "ada")
    [act] = [each for each in told(closed) if each["what"] == expected["what"]]
    assert {name: act.get(name) for name in expected} == expected
    assert (act["by"], act["customer_id"], act["who"]) == ("ada", "acme", "arn:aws:iam::123456789012:user/ada")


def test_a_limit_is_recorded_from_what_to_what(monthclose: Command, world: World) -> None:
    monthclose("providers", "set", "stripe", "--rate", "20", "--by", "ada")
    [act] = told(world)
    assert json.loads(act["before"])["stripe"]["rate_per_second"] == 25
    assert json.loads(act["after"])["stripe"]["rate_per_second"] == 20
    assert "stripe.rate_per_second 25 → 20.0" in monthclose("audit").stdout


def test_a_close_and_its_stop_are_recorded(monthclose: Command, machine: FakeMachine, world: World) -> None:
    monthclose("close", "2026-10", "--no-wait", "--by", "ada")
    world.open(execution="arn:execution")
    monthclose("stop", "2026-10", "--reason", "wrong prices", "--by", "bob")
    asked, stopped = told(world)
    assert (asked["what"], asked["by"], asked["period"], asked["before"]) == (
        *("close.requested", "ada"),
        *("2026-10", "never closed"),
    )
    assert (stopped["what"], stopped["by"], stopped["why"]) == ("close.stopped", "bob", "wrong prices")
    assert "2 acts: monthclose audit --period 2026-10" in monthclose("status", "2026-10").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["close", "2026-10", "--no-wait"],
        ["stop", "2026-10"],
        ["pay", "acme"],
        ["credit", "acme", "--amount", "1", "--reason", "x"],
        ["payments", "record", "acme", "--amount", "1", "--reference", "x"],
        ["hold", "acme", "--reason", "x"],
        ["providers", "set", "stripe", "--rate", "9"],
        ["providers", "reset", "stripe"],
        ["reconcile"],
        ["invoice", "void", "INV-00000001", "--reason", "x"],
        ["invoice", "credit", "INV-00000001", "--reason", "x"],
        ["invoice", "regenerate", "INV-00000001", "--reason", "x"],
        ["import", "prices"],
        ["import", "customers"],
        ["import", "usage"],
        ["import", "taxes"],
        ["import", "logo"],
    ],
)
def test_what_cannot_be_recorded_is_not_done(
    monthclose: Command, machine: FakeMachine, closed: World, arguments: list[str], tmp_path: Path
) -> None:
    if arguments[0] == "stop":
        closed.open(execution="arn:execution")
    if arguments[0] == "import":
        texts = {
            "prices": "sku,currency,unit_price\nvm,USD,0.01\n",
            "customers": "customer_id,name,email,currency,payment_provider,payment_method\na,A,a@b.c,USD,stripe,x\n",
            "usage": "customer_id,sku,quantity,time\nacme,vm,1,2026-10-03\n",
            "taxes": 'seller = "PL"\n[[rate]]\ncountries = ["PL"]\nname = "VAT"\npercent = 23\n',
            "logo": "<svg/>",
        }
        name = f"{arguments[1]}.toml" if arguments[1] == "taxes" else f"{arguments[1]}.csv"
        arguments = [*arguments, file(tmp_path, name, texts[arguments[1]])]
    before = _state(closed, machine)
    closed.audit.broken = BROKEN
    assert "DynamoDB is briefly unavailable" in monthclose(*arguments, exit_code=1).stderr
    assert _state(closed, machine) == before


def _state(world: World, machine: FakeMachine) -> str:
    """Write down whatever the commands change."""
    parts = (
        *(world.customer("acme"), world.month("acme"), world.closes.all(), world.limits.state("stripe").changes),
        *(
            world.price_books.latest(),
            world.tax_tables.latest(),
            machine.closes,
            machine.stopped,
            world.gateway.money_moved,
        ),
        *(world.books.customer("a"), list(world.usage.events("acme", OCTOBER)), sorted(world.documents.objects)),
    )
    return repr(parts)


def test_acts_are_shown_newest_first_with_what_came_of_them(monthclose: Command, closed: World) -> None:
    monthclose("hold", "acme", "--reason", "fraud", "--by", "ada")
    closed.clock.pass_time(minutes=1)
    monthclose("hold", "acme", "--reason", "again", "--by", "ada", exit_code=2)
    said = monthclose("audit").stdout
    assert said.index("again") < said.index("fraud")
    assert "not done, or only in part: UserMistakeError: customer acme is already on hold" in said
    assert "insufficient_funds → on hold" in said


def test_acts_are_found_by_period_customer_invoice_kind_person_and_time(monthclose: Command, closed: World) -> None:
    monthclose("hold", "acme", "--reason", "fraud", "--by", "ada")
    closed.clock.pass_time(days=1)
    closed.audit.caller = Caller("AROAOPS:bob@example.com", "arn:aws:sts::1:assumed-role/Ops/bob@example.com")
    monthclose("invoice", "credit", "INV-00000001", "--reason", "mistake", "--no-mail", "--by", "Bob")

    def found(*arguments: str) -> list[str]:
        return [act["what"] for act in monthclose.json("audit", *arguments, "--json")["acts"]]

    credited = ["act.done", "invoice.credited"]
    assert found() == found("--customer", "acme") == [*credited, "hold.placed"]
    assert found("--period", "2026-10") == found("--invoice", "INV-00000001") == found("--by", "bob@ex") == credited
    assert found("--what", "hold") == found("--what", "hold.placed") == found("--by", "ADA") == ["hold.placed"]
    assert found("--since", "2026-11-02") == credited
    assert found("--until", "2026-11-01T12:00") == ["hold.placed"]
    assert found("--customer", "other") == []
    assert "there are no such acts" in monthclose("audit", "--customer", "other").stderr


def test_the_acts_of_an_account_are_in_its_story_and_at_its_invoice(monthclose: Command, closed: World) -> None:
    monthclose("invoice", "credit", "INV-00000001", "--reason", "mistake", "--no-mail", "--by", "ada")
    story = monthclose.json("customer", "acme", "--json")["happened"]
    [act] = [each for each in story if each["kind"] == "act"]
    assert act["text"].startswith("invoice.credited by ada (ada)") or "ada" in act["text"]
    assert "invoice.credited" in monthclose("invoice", "show", "INV-00000001").stdout
    assert "invoice.credited" in monthclose("invoice", "show", "CN-00000001").stdout
    state = monthclose.json("invoice", "show", "INV-00000001", "--state")
    assert [act["what"] for act in state["acts"]] == ["act.done", "invoice.credited"]


def test_more_acts_than_asked_for_are_announced(monthclose: Command, closed: World) -> None:
    for rate in ("20", "21", "22"):
        monthclose("providers", "set", "stripe", "--rate", rate)
        closed.clock.pass_time(minutes=1)
    assert "there are more" in monthclose("audit", "--most", "2").stderr
    listed = monthclose.json("audit", "--most", "2", "--json")
    assert (len(listed["acts"]), listed["more"]) == (2, True)


def test_the_check_says_whether_the_trail_is_as_it_was_written(monthclose: Command, closed: World) -> None:
    for rate in ("20", "21"):
        monthclose("providers", "set", "stripe", "--rate", rate)
    assert "as it was written: 2 acts" in monthclose("audit", "--check").stdout
    assert monthclose.json("audit", "--check", "--json") == {"acts": 2, "whole": True, "damage": []}
    del closed.audit.acts[0]
    said = monthclose("audit", "--check", exit_code=4).stdout
    assert "tampered with" in said
    assert "AIDATEST#1" in said
    assert monthclose("audit", "--check", "--customer", "acme", exit_code=2)


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_cannot_be_read_is_explained(monthclose: Command, option: str) -> None:
    assert "use a date like 2026-11-01" in monthclose("audit", option, "yesterday", exit_code=2).stderr
