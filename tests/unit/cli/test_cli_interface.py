"""The interface of the command: every command has a panel, an answer in JSON and, if it changes something, a user."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import options
from cli.exit_status import ExitStatus, as_table
from cli.grammar import PANELS
from cli.importing import Reading
from cli.interface.running import WORK, load
from cli.main import app
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.accounts.grant import GrantKind
from monthclose.providers import ADAPTERS
from monthclose.use_cases.imports.import_usage import HORIZON
from tests.unit.cli.driving import Command

DOCS = Path(__file__).resolve().parents[3] / "docs"
READS = {
    "audit",
    "closes",
    "customer",
    "focus",
    "invoice explain",
    "invoice preview",
    "invoice show",
    "list",
    "local clock",
    "local down",
    "local limits",
    "local status",
    "local up",
    "parked",
    "plan",
    "providers",
    "prove",
    "receipt",
    "report",
    "sources",
    "statement",
    "status",
    "usage drops",
}
"""Commands that change nothing of a company's; `local` is a sandbox."""
_UNNATURAL = re.compile(r"if not said|\banew\b|taken back|who has none|told to nobody|\bmend|\bgo on with\b|\bsay `")
"""What a native speaker stumbles over."""


def commands() -> Iterator[tuple[str, Any]]:
    def below(group: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            here = f"{path} {name}".strip()
            if hasattr(command, "commands"):
                if getattr(command, "invoke_without_command", False):
                    yield here, command
                yield from below(command, here)
            else:
                yield here, command

    yield from below(typer.main.get_command(app), "")


COMMANDS = dict(commands())


def test_every_command_is_in_one_panel() -> None:
    listed = [name for names in PANELS.values() for name in names]
    assert sorted(listed) == sorted({name.partition(" ")[0] for name in COMMANDS})


def test_the_help_lists_the_panels_in_order() -> None:
    said = CliRunner().invoke(app, ["--help"]).stdout
    assert [line[:-1] for line in said.splitlines() if line[:-1] in PANELS] == list(PANELS)
    assert said.index("  pay ") < said.index("  payments ") < said.index("  credit ")


def _taken(work: Callable[..., None], given: set[str]) -> set[str]:
    """The names that a command's work takes; of the options of a file (`**reading`), a command need not have all."""
    parameters = inspect.signature(work).parameters
    own = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    return own | (given & set(Reading.__annotations__) if len(own) < len(parameters) else set())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_work_takes_what_the_command_line_gives(name: str) -> None:
    signature = COMMANDS[name].callback.__wrapped__
    given = set(inspect.signature(signature).parameters)
    assert _taken(load(getattr(signature, WORK)), given) == given


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_answers_answers_in_json(name: str) -> None:
    flags = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
    assert "--json" in flags or name == "demo"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in READS | {"demo"}])
def test_every_command_that_changes_something_can_name_its_user(name: str) -> None:
    assert "--by" in {flag for parameter in COMMANDS[name].params for flag in parameter.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_is_written_in_plain_english(name: str) -> None:
    said = CliRunner().invoke(app, [*name.split(), "--help"]).stdout
    assert "Usage: " in said
    assert not _UNNATURAL.search(" ".join(said.split()))
    assert not re.search(r"\[\[|…\]\.\.\.", said), "what is optional has one pair of brackets"


@pytest.mark.parametrize("typed", ["--reason --no-mail", "--reason --help", "--amount 5 --reason --no-mail"])
def test_an_option_is_not_taken_for_another_one_s_value(monthclose: Command, typed: str) -> None:
    said = monthclose("invoice", "credit", "INV-00000001", *typed.split(), exit_code=2).output
    assert "Option '--reason' requires an argument" in said


def test_the_interface_repeats_what_the_use_cases_define() -> None:
    assert set(options.PROVIDERS) == ADAPTERS
    assert HORIZON.days == options.HORIZON_DAYS
    assert {str(kind) for kind in options.CreditKind} == {str(kind) for kind in GrantKind} - {str(GrantKind.PAID)}


def test_periods_are_completed_with_the_last_months() -> None:
    months = list(options.complete_period(""))
    assert len(months) == len(set(months)) == 12
    assert months == sorted(months, reverse=True)
    assert list(options.complete_period(months[3])) == [months[3]]


def test_credit_and_credit_notes_point_at_each_other() -> None:
    runner = CliRunner()
    assert "`invoice credit`" in runner.invoke(app, ["credit", "--help"]).stdout
    assert "`credit`" in runner.invoke(app, ["invoice", "credit", "--help"]).stdout


def test_the_help_and_the_documentation_list_every_exit_status() -> None:
    said = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    for status in ExitStatus:
        assert f"{status.value} {status.meaning}" in said
    assert as_table() in (DOCS / "operating.md").read_text()


def test_whoever_gives_no_name_is_the_user_of_the_machine(monthclose: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    monthclose("providers", "set", "stripe", "--rate", "20", "--by", "ada")
    monthclose("providers", "reset", "stripe")
    assert [act.by for act in monthclose.world.audit.told] == ["ada", "grace"]


def test_who_recorded_a_payment_is_kept_in_the_books(monthclose: Command) -> None:
    monthclose.world.directory.put_profiles([("acme", Profile("Acme", "a@b.example", "USD", "stripe", "ok"))])
    monthclose("payments", "record", "acme", "--amount", "12", "--reference", "TX-1", "--by", "ada")
    (entry,) = [h for h in monthclose.json("customer", "acme", "--json")["happened"] if h["kind"] == "received"]
    assert entry["detail"] == "received outside the providers: TX-1 (by ada)"
