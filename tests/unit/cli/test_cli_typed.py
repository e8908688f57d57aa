"""What is mistyped is told in one line: the option, what was typed, and what is wanted, with an example."""

from collections.abc import Iterator

import pytest

from tests.unit.cli.driving import Command
from tests.unit.cli.test_cli_interface import COMMANDS
from tests.world import World


def _numbers_and_choices() -> Iterator[tuple[str, str]]:
    for name, command in COMMANDS.items():
        for param in command.params:
            kind = getattr(param, "type_descriptor", None)
            if kind and (kind.annotation in (int, float) or kind.choices):
                yield name, param.opts[-1]


def _required(name: str, but: str) -> Iterator[str]:
    for param in COMMANDS[name].params:
        if param.required and param.opts[-1] != but:
            yield from ([param.opts[-1], "x"] if param.param_type_name == "option" else ["x"])


@pytest.mark.parametrize(("name", "option"), list(_numbers_and_choices()))
def test_a_number_or_choice_says_what_is_wanted(monthclose: Command, name: str, option: str) -> None:
    said = monthclose(*name.split(), *_required(name, option), option, "1O", exit_code=2).stderr
    assert said.startswith(f"error: {option} 1O: write ")
    assert " or " in said or ", like " in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("plan --sample 0", "--sample 0: write a whole number of at least 1, like 2000"),
        ("dashboard --port 99999", "--port 99999: write a whole number from 1 to 65535, like 8400"),
        ("demo --customers 1.5", "--customers 1.5: write a whole number from 1 to 100000, like 200"),
        ("providers set stripe --rate 2,5", "--rate 2,5: write a number, like 25"),
        ("providers set stripe --reserve 20%", "--reserve 20%: write a number from 0 to 0.95, like 0.2"),
        ("credit acme --amount 5 --reason x --kind gift", "--kind gift: write promotional or goodwill"),
        ("refund 2026-10/acme --reason x --for fun", "--for fun: write service, overpayment or goodwill"),
        (
            "plan --deadline 8x",
            "--deadline: '8x' is not a span of time; write hours or minutes, like 8h, 90min or 7h30m",
        ),
        ("close 2026-1O", "'2026-1O' is not a period; write the year and month, like 2026-10"),
        ("retry acme --period Oct", "--period: 'Oct' is not a period; write the year and month, like 2026-10"),
        ("audit --period Oct", "--period: 'Oct' is not a period; write the year and month, like 2026-10"),
        ("statement acme --to Oct", "--to: 'Oct' is not a period; write the year and month, like 2026-10"),
        ("audit --since Oct", "--since Oct: use a date like 2026-11-01, or a time like 2026-11-01T09:30"),
        ("credit acme --amount 5 --reason x --until 1.1.27", "--until 1.1.27: use a date like 2027-03-31"),
        ("restore --at 1.1.27", "--at 1.1.27: write a time like 2026-11-01T02:30, in UTC"),
        (
            "credit acme --amount 5,00 --reason x",
            "--amount: '5,00' is not an amount; write it with a dot and no separators",
        ),
        ("pay acme --amount 0", "--amount: 0 is not more than zero; write an amount like 12.50"),
        ("payments record acme --amount 1.005 --reference x", "--amount: 1.005 has too many decimals"),
        ("invoice credit INV-00000001 --amount x --reason x", "--amount: 'x' is not an amount; write it with a dot"),
        ("refund INV-00000001 x --reason x", "AMOUNT: 'x' is not an amount; write it with a dot"),
        ("write-off INV-00000001 -- -5", "AMOUNT: -5 is not more than zero; write an amount like 12.50"),
        (
            "import usage x.csv --time-zone Berlin",
            "--time-zone Berlin: there is no such time zone; write one like Europe/",
        ),
        (
            "import usage x.csv --encoding x",
            "--encoding x: there is no such encoding of text; write one like windows-1252",
        ),
    ],
)
def test_an_amount_a_date_or_a_span_says_what_is_wanted(
    monthclose: Command, world: World, typed: str, said: str
) -> None:
    world.use(world.add_customer("acme"), "12.50")
    world.close()
    reason = ["--reason", "x"] if typed.startswith("write-off") else []
    given = typed.split()
    told = monthclose(given[0], *reason, *given[1:], exit_code=2).stderr
    assert told.startswith(f"error: {said}")
    assert told.count("\n") == 1


def test_an_environment_variable_that_stands_for_an_option_is_named(
    monthclose: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONTHCLOSE_AWS_PORT", "abc")
    said = monthclose("local", "up", exit_code=2).stderr
    assert said == "error: MONTHCLOSE_AWS_PORT abc: write a whole number from 1 to 65535, like 4566\n"
