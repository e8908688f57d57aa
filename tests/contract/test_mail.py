"""The mail service's answers, as SES gives them, and the quota that all workers share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.ses import SesAccount, SesMailer
from monthclose.adapters.dynamo.mail_quota import KeptQuota
from monthclose.adapters.dynamo.models import NoticeItem
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.month import Notice, NoticeState
from monthclose.domain.notices.sending import SendingQuota
from monthclose.errors import (
    MailRefusedError,
    OutcomeUnknownError,
    QuotaUsedUpError,
    RateLimitedError,
    TryLaterError,
)
from monthclose.ports import Mail
from monthclose.ports.mail import Attachment
from tests.fakes import FakeClock
from tests.world import OCTOBER

MAIL = Mail("billing@acme.example", "Invoice", "text", "<p>text</p>", "2026-10_acme")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def ses() -> Iterator[Stubber]:
    client.forget()
    with Stubber(client("sesv2", retries=0)) as stubber:
        yield stubber
    client.forget()


@pytest.mark.parametrize(
    ("code", "message", "status", "error"),
    [
        ("TooManyRequestsException", "Maximum sending rate exceeded.", 429, RateLimitedError),
        ("ThrottlingException", "Maximum sending rate exceeded.", 400, RateLimitedError),
        ("Throttling", "Maximum sending rate exceeded.", 400, RateLimitedError),
        ("LimitExceededException", "Daily message quota exceeded.", 400, QuotaUsedUpError),
        ("ThrottlingException", "Daily message quota exceeded", 400, QuotaUsedUpError),
        ("TooManyRequestsException", "Daily message quota exceeded.", 429, QuotaUsedUpError),
        ("MessageRejected", "Email address is not verified. The following ...", 400, TryLaterError),
        ("MessageRejected", "Missing final '@domain'", 400, MailRefusedError),
        ("SendingPausedException", "Sending paused", 400, TryLaterError),
        ("AccountSuspendedException", "", 400, TryLaterError),
        ("InternalFailure", "", 500, OutcomeUnknownError),
    ],
)
def test_a_refusal_says_whether_the_mail_may_be_sent_later(
    ses: Stubber, code: str, message: str, status: int, error: type[Exception]
) -> None:
    ses.add_client_error("send_email", code, message, status)
    with pytest.raises(error) as raised:
        SesMailer("billing@example.com", "notices").send(MAIL)
    assert type(raised.value) is error


@dataclass
class Account:
    """SES' answers to how much may be sent."""

    clock: FakeClock
    asked: int = 0
    down: bool = False

    def quota(self) -> SendingQuota:
        self.asked += 1
        if self.down:
            raise TryLaterError("asked too often")
        return SendingQuota(14, 50_000, 1_000 * self.asked, self.clock())

    def look(self) -> SendingQuota:
        return self.quota()

    def used_up(self) -> None:
        return None


def test_the_account_says_how_fast_and_how_much_it_may_send(ses: Stubber) -> None:
    with Stubber(client("sesv2")) as account:
        quota = {"MaxSendRate": 14.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 7.0}
        account.add_response("get_account", {"SendQuota": quota})
        account.add_client_error("get_account", "TooManyRequestsException", http_status_code=400)
        asked = SesAccount(lambda: NOON)
        assert asked.quota() == SendingQuota(14, 50_000, 7, NOON)
        with pytest.raises(TryLaterError):
            asked.quota()


def test_workers_ask_for_the_quota_once_a_minute_together(aws: Runtime) -> None:
    clock = FakeClock(NOON)
    account = Account(clock)
    workers = [KeptQuota(account, clock) for _ in range(3)]
    assert {worker.quota().sent for worker in workers} == {1_000}
    clock.pass_time(minutes=1)
    assert {worker.quota().sent for worker in workers} == {2_000}
    assert account.asked == 2


def test_an_old_answer_is_better_than_none(aws: Runtime) -> None:
    clock = FakeClock(NOON)
    account = Account(clock, down=True)
    with pytest.raises(TryLaterError):
        KeptQuota(account, clock).quota()
    account.down = False
    KeptQuota(account, clock).quota()
    account.down = True
    clock.pass_time(hours=1)
    assert KeptQuota(account, clock).quota().per_second == 14


def test_once_one_worker_is_refused_the_others_know_for_ten_minutes(aws: Runtime) -> None:
    clock = FakeClock(NOON)
    account = Account(clock)
    KeptQuota(account, clock).used_up()
    other = KeptQuota(account, clock)
    clock.pass_time(minutes=9)
    assert other.quota().sent == other.quota().per_day
    clock.pass_time(minutes=1)
    assert other.quota().sent < other.quota().per_day


def test_a_notice_of_an_earlier_release_is_read_on(aws: Runtime) -> None:
    NoticeItem(
        "acme",
        "2026-10#notice",
        period="2026-10",
        notice_kind="receipt",
        state="sent",
        time=NOON,
        message_id="m-1",
        step="",
        version=2,
    ).save()
    item = NoticeItem.get("acme", "2026-10#notice")
    NoticeItem("acme", "2026-10#notice").update([NoticeItem.why.remove(), NoticeItem.bounces.remove()])
    assert item.why == ""
    notice = aws.books.month("acme", OCTOBER).notice
    assert notice == Notice("acme", OCTOBER, "receipt", NoticeState.SENT, NOON, "m-1", version=2)


def test_a_bounce_and_a_dead_address_are_kept(aws: Runtime) -> None:
    bounced = Notice("acme", OCTOBER, "receipt", NoticeState.BOUNCED, NOON, "m-1", why="Permanent/General", bounces=1)
    customer = Customer("acme", Profile("Acme", "Billing@acme.example", "USD", "stripe")).without_mail()
    aws.books.commit(customer, bounced)
    kept, notice = aws.books.customer("acme"), aws.books.month("acme", OCTOBER).notice
    assert kept
    assert notice
    assert (kept.dead_address, kept.takes_mail) == ("billing@acme.example", False)
    assert (notice.state, notice.why, notice.bounces) == (NoticeState.BOUNCED, "Permanent/General", 1)


def test_a_file_comes_with_a_mail_as_its_sender_named_it(ses: Stubber) -> None:
    body = {"Text": {"Data": "text", "Charset": "UTF-8"}, "Html": {"Data": "<p>text</p>", "Charset": "UTF-8"}}
    sent = {
        "FromEmailAddress": "billing@example.com",
        "Destination": {"ToAddresses": [MAIL.to]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Invoice", "Charset": "UTF-8"},
                "Body": body,
                "Attachments": [{"FileName": "report.html", "RawContent": b"<p>1</p>", "ContentType": "text/html"}],
            }
        },
        "EmailTags": [{"Name": "notice", "Value": MAIL.tag}],
        "ConfigurationSetName": "notices",
    }
    ses.add_response("send_email", {"MessageId": "1"}, sent)
    mail = replace(MAIL, attachments=(Attachment("report.html", b"<p>1</p>", "text/html"),))
    assert SesMailer("billing@example.com", "notices").send(mail) == "1"


def test_all_recipients_are_in_one_mail(ses: Stubber) -> None:
    body = {"Text": {"Data": "text", "Charset": "UTF-8"}, "Html": {"Data": "<p>text</p>", "Charset": "UTF-8"}}
    asked = {
        "FromEmailAddress": "billing@example.com",
        "Destination": {"ToAddresses": ["billing@acme.example", "chief@acme.example"]},
        "Content": {"Simple": {"Subject": {"Data": "Invoice", "Charset": "UTF-8"}, "Body": body}},
        "EmailTags": [{"Name": "notice", "Value": "2026-10_acme"}],
        "ConfigurationSetName": "notices",
    }
    ses.add_response("send_email", {"MessageId": "m-1"}, asked)
    mail = Mail(
        "billing@acme.example", "Invoice", "text", "<p>text</p>", "2026-10_acme", others=("chief@acme.example",)
    )
    assert SesMailer("billing@example.com", "notices").send(mail) == "m-1"


def test_what_came_back_from_one_of_several_recipients_is_kept(aws: Runtime) -> None:
    both = "a@acme.example b@acme.example"
    sent = Notice("acme", OCTOBER, "receipt", NoticeState.SENT, NOON, "m-1", recipients=both, returned="b@acme.example")
    aws.books.commit(sent)
    notice = aws.books.month("acme", OCTOBER).notice
    assert notice
    assert (notice.recipients, notice.returned) == (both, "b@acme.example")
