"""`monthclose invoice credit` and `void`, and where credit notes are shown."""

import re
from pathlib import Path

import pytest

from monthclose.domain.invoices.link import verify
from monthclose.errors import TryLaterError
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, SETTINGS, World

INV, WHY = "INV-00000001", ("--reason", "billed twice")


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    """One customer who has paid 100.00."""
    world.use(world.add_customer("acme"), "100")
    world.close()


def test_a_part_is_credited_and_the_balance_shown(monthclose: Command) -> None:
    said = monthclose("invoice", "credit", INV, "--amount", "12.50", *WHY).stdout
    assert said == "CN-00000001 for 12.50 USD of INV-00000001; acme: 12.50 USD of credit\n"


def test_without_an_amount_or_by_void_the_whole_rest_is_credited(world: World, monthclose: Command) -> None:
    monthclose("invoice", "credit", INV, "--amount", "12.50", *WHY)
    assert "CN-00000002 for 87.50 USD" in monthclose("invoice", "void", INV, *WHY).stdout
    assert world.customer("acme").credit_minor == 10_000


def test_the_same_command_again_issues_nothing_new(world: World, monthclose: Command) -> None:
    first, again = (monthclose("invoice", "void", INV, *WHY) for _ in range(2))
    assert "already" not in first.stdout
    assert "was already issued on 2026-11-01: nothing new" in again.stdout
    assert "told by e-mail on 2026-11-01 00:00 UTC; nothing is sent again" in again.stderr
    assert len(world.month("acme").credit_notes) == 1


def test_with_json_it_says_everything(world: World, monthclose: Command) -> None:
    answer = monthclose.json("invoice", "credit", INV, "--amount", "12.50", *WHY, "--json")
    [note] = world.month("acme").credit_notes
    assert answer == {
        "number": "CN-00000001",
        "corrects": INV,
        "customer_id": "acme",
        "period": "2026-10",
        "currency": "USD",
        "exponent": 2,
        "total_minor": 1250,
        "tax_minor": 0,
        "issued_on": "2026-11-01",
        "reason": "billed twice",
        "sha256": note.document.sha256,
        "notice": "sent",
    }


def test_the_customer_is_told_once_with_a_link_to_the_credit_note(world: World, monthclose: Command) -> None:
    world.mailer.sent.clear()
    monthclose.links = SETTINGS.links
    for _ in range(2):
        assert "acme: told by e-mail" in monthclose("invoice", "void", INV, *WHY).stderr
    [mail] = world.mailer.sent
    [token] = re.findall(r"https://invoices.example.com/(\S+)", mail.text)
    assert verify(token, world.link_secrets.keys, world.clock()).number == "CN-00000001"


def test_with_the_option_no_mail_none_is_sent(world: World, monthclose: Command) -> None:
    world.mailer.sent.clear()
    assert monthclose.json("invoice", "void", INV, *WHY, "--no-mail", "--json")["notice"] is None
    assert world.mailer.sent == []
    assert world.month("acme").correction_notices == ()


def test_when_mail_is_down_the_credit_note_stands_and_the_next_run_sends_the_mail(
    world: World, monthclose: Command
) -> None:
    world.mailer.sent.clear()
    world.mailer.failures = [TryLaterError("SES cannot be reached")]
    said = monthclose("invoice", "void", INV, *WHY)
    assert "CN-00000001 for 100.00 USD" in said.stdout
    assert "acme: not told yet: SES cannot be reached\nCN-00000001 stands; run the same command again" in said.stderr
    assert world.customer("acme").credit_minor == 10_000
    assert monthclose.json("invoice", "void", INV, *WHY, "--json")["notice"] == "sent"
    assert len(world.mailer.sent) == len(world.month("acme").credit_notes) == 1


def test_a_command_that_died_before_the_mail_sends_it_when_run_again(world: World, monthclose: Command) -> None:
    world.mailer.sent.clear()
    world.corrector.void(INV, WHY[1])
    monthclose("invoice", "void", INV, *WHY)
    assert len(world.mailer.sent) == len(world.month("acme").credit_notes) == 1


def test_the_customers_story_shows_the_mail(monthclose: Command) -> None:
    monthclose("invoice", "void", INV, *WHY)
    assert "credit_note sent" in monthclose("customer", "acme").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("credit", INV, "--amount", "100.01", *WHY), "at most 100.00 USD of INV-00000001 can be credited"),
        (("credit", INV, "--amount", "1.005", *WHY), "too many decimals"),
        (("credit", INV, "--amount", "-1", *WHY), "more than zero"),
        (("credit", INV, "--reason", " "), "a reason is needed"),
        (("void", "INV-00000002", *WHY), "that number has not been used"),
        (("void", "CN-00000001", *WHY), "they look like INV-00000042"),
        (("show", "CN-00000001"), "there is no credit note CN-00000001"),
        (("void", INV), "--reason"),
    ],
)
def test_a_mistake_is_explained_in_a_line(monthclose: Command, arguments: tuple[str, ...], message: str) -> None:
    assert message in monthclose("invoice", *arguments, exit_code=2).output


def test_a_credit_note_is_shown_like_an_invoice_and_with_it(world: World, monthclose: Command, tmp_path: Path) -> None:
    monthclose("invoice", "credit", INV, "--amount", "12.50", *WHY)
    [note] = world.month("acme").credit_notes
    shown = monthclose("invoice", "show", "CN-00000001").stdout
    for text in ("CN-00000001  acme Ltd", INV, "billed twice", "-12.50", note.document.sha256):
        assert text in shown
    assert "open" not in shown
    assert "corrected by" in monthclose("invoice", "show", INV).stdout
    assert "CN-00000001 for 12.50 USD: billed twice" in monthclose("invoice", "show", INV).stdout
    assert monthclose.json("invoice", "show", "CN-00000001", "--json")["kind"] == "credit_note"
    monthclose("invoice", "show", "CN-00000001", "--pdf", tmp_path / "note.pdf")
    assert (tmp_path / "note.pdf").read_bytes() == world.issued.pdf(note)


def test_the_customers_story_shows_the_credit_note(monthclose: Command) -> None:
    monthclose("invoice", "credit", INV, "--amount", "12.50", *WHY)
    story = monthclose("customer", "acme").stdout
    assert "CN-00000001 for 12.50 USD of INV-00000001: billed twice" in story
    kinds = [happened["kind"] for happened in monthclose.json("customer", "acme", "--json")["happened"]]
    assert "credit note" in kinds


def test_an_invoice_that_is_being_charged_says_once_to_try_again(world: World, monthclose: Command) -> None:
    world.use(world.add_customer("slow", method="debit"), "10", period=OCTOBER.next)
    world.clock.now = OCTOBER.next.end
    world.close(OCTOBER.next, "execution-2")
    [invoice] = world.books.month("slow", OCTOBER.next).invoices

    said = monthclose("invoice", "credit", invoice.number, *WHY, exit_code=1).stderr

    assert said == f"error: {invoice.number} is being charged; try again once the outcome is known\n"
