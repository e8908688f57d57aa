"""Links: valid ones open what they name until they expire; altered ones open nothing."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.link import InvoiceLink, LinkExpiredError, LinkKeys, LinkRefusedError, sign, verify
from tests.unit.any import NOW, OCTOBER, an_invoice, any_key, any_period

KEYS = LinkKeys("k2", {"k1": "a" * 32, "k2": "b" * 64})
LINK = InvoiceLink("INV-00000042", "acme", OCTOBER, NOW + timedelta(days=400))
TOKEN = sign(LINK, KEYS)
SECONDS = st.integers(0, 4_000_000_000)


@given(any_key(), any_key(), any_period(), SECONDS)
def test_a_link_reads_back_as_it_was_signed(number: str, customer_id: str, period: object, seconds: int) -> None:
    link = replace(LINK, number=number, customer_id=customer_id, expires=datetime.fromtimestamp(seconds + 1, UTC))
    token = sign(link, KEYS)
    assert verify(token, KEYS, datetime.fromtimestamp(seconds, UTC)) == link
    assert token.isascii()
    assert "/" not in token


@given(st.integers(0, len(TOKEN) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_a_token_with_any_one_letter_changed_is_refused(at: int, letter: str) -> None:
    altered = TOKEN[:at] + letter + TOKEN[at + 1 :]
    if altered == TOKEN:
        assert verify(altered, KEYS, NOW) == LINK
    else:
        with pytest.raises(LinkRefusedError):
            verify(altered, KEYS, NOW)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda b: f"v1.k2.{base64.urlsafe_b64encode(b).decode()}.x"))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(LinkRefusedError):
        verify(token, KEYS, NOW)


@given(st.integers(1, len(TOKEN)))
def test_a_token_cut_short_or_made_longer_is_refused(length: int) -> None:
    for token in (TOKEN[:-length], TOKEN + "A" * length, TOKEN[length:]):
        with pytest.raises(LinkRefusedError):
            verify(token, KEYS, NOW)


def test_another_customers_claims_under_a_genuine_signature_are_refused() -> None:
    version, key, _, signature = TOKEN.split(".")
    claims = json.dumps(["INV-00000042", "globex", "2026-10", int(LINK.expires.timestamp())]).encode()
    forged = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    with pytest.raises(LinkRefusedError):
        verify(f"{version}.{key}.{forged}.{signature}", KEYS, NOW)


def test_a_link_works_until_its_last_second_and_not_after() -> None:
    assert verify(TOKEN, KEYS, LINK.expires - timedelta(seconds=1)) == LINK
    with pytest.raises(LinkExpiredError):
        verify(TOKEN, KEYS, LINK.expires)


def test_an_expired_link_that_was_altered_is_refused_like_any_other() -> None:
    with pytest.raises(LinkRefusedError):
        verify(TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"), KEYS, LINK.expires + timedelta(days=1))


def test_links_signed_with_an_older_key_work_while_it_is_kept_and_new_ones_use_the_current_key() -> None:
    older = sign(LINK, replace(KEYS, current="k1"))
    assert older.split(".")[1] == "k1"
    assert TOKEN.split(".")[1] == "k2"
    assert verify(older, KEYS, NOW) == LINK
    with pytest.raises(LinkRefusedError):
        verify(older, LinkKeys("k2", {"k2": "b" * 64}), NOW)


def test_a_token_that_names_a_key_it_was_not_signed_with_is_refused() -> None:
    with pytest.raises(LinkRefusedError):
        verify(TOKEN.replace(".k2.", ".k1."), KEYS, NOW)


def test_a_link_to_an_invoice_names_it_and_its_customer() -> None:
    invoice = an_invoice(100)
    link = InvoiceLink.to(invoice, NOW, 400)
    assert (link.number, link.customer_id, link.period) == (invoice.number, invoice.customer_id, invoice.period)
    assert link.expires == NOW + timedelta(days=400)


@pytest.mark.parametrize(
    ("current", "keys", "message"),
    [
        ("k2", {"k1": "a" * 32}, "the current key 'k2' is not among the keys"),
        ("K1", {"K1": "a" * 32}, "'K1' cannot be a key's id"),
        ("k1", {"k1": "short"}, "the key 'k1' is shorter than 32 characters"),
    ],
)
def test_unusable_keys_are_named_but_never_shown(current: str, keys: dict[str, str], message: str) -> None:
    with pytest.raises(UserMistakeError, match=message) as raised:
        LinkKeys(current, keys)
    assert "short" not in str(raised.value).replace("shorter", "")


def test_keys_do_not_show_in_a_repr() -> None:
    assert repr(KEYS) == "LinkKeys(current='k2', keys=['k1', 'k2'])"
