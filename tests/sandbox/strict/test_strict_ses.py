"""SES refuses what its guide says, and reports what becomes of the mails that it takes."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ministack.services import eventbridge, ses, ses_v2

from sandbox.aws import mail_events
from sandbox.aws.mail_events import DELIVERED, Fate, fate_of
from sandbox.strict.limits import Limits
from sandbox.strict.ses import Sending, install

SENDER, SET = "billing@example.com", "notices"


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ses:
    """The emulator's SES, as a caller sees it."""

    limits: Limits
    clock: Clock
    published: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        answer = asyncio.run(ses_v2.handle_request(method, path, {}, json.dumps(body or {}).encode(), {}))
        return answer[0], json.loads(answer[2])

    def send(self, *to: str) -> tuple[int, dict[str, Any]]:
        body = {
            "FromEmailAddress": SENDER,
            "Destination": {"ToAddresses": list(to or ("acme@customers.example",))},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            "ConfigurationSetName": SET,
            "EmailTags": [{"Name": "notice", "Value": "2026-10_acme"}],
        }
        return self.call("POST", "/v2/email/outbound-emails", body)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in self.published]


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ses]:
    clock, limits = Clock(), Limits()
    monkeypatch.setattr(ses_v2, "handle_request", ses_v2.handle_request)  # put back afterwards
    monkeypatch.setattr(mail_events, "FATES", [])
    monkeypatch.setattr("sandbox.strict.ses.FATES", mail_events.FATES)
    monkeypatch.setattr("sandbox.strict.ses.time.time", clock)
    monkeypatch.setattr(Sending, "__init__", _with_clock(Sending.__init__, clock))
    found = Ses(limits, clock)
    monkeypatch.setattr(
        eventbridge, "_put_events", lambda data, allow_aws_source: found.published.extend(data["Entries"])
    )
    mail_events.publish_mail_events()
    install(limits)
    found.call("POST", "/v2/email/identities", {"EmailIdentity": "example.com"})
    found.call("POST", "/v2/email/configuration-sets", {"ConfigurationSetName": SET})
    destination = {
        "Enabled": True,
        "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
        "EventBridgeDestination": {"EventBusArn": "arn:aws:events:us-east-1:000000000000:event-bus/default"},
    }
    path = f"/v2/email/configuration-sets/{SET}/event-destinations"
    assert found.call("POST", path, {"EventDestinationName": "heard", "EventDestination": destination})[0] == 200
    yield found
    ses_v2.reset()
    ses.reset()


def _with_clock(original: Any, clock: Clock) -> Any:
    def made(self: Sending, limits: Limits) -> None:
        original(self, limits, clock)

    return made


def test_more_recipients_a_second_than_the_rate_are_refused_until_time_has_passed(mail: Ses) -> None:
    assert [mail.send()[0] for _ in range(14)] == [200] * 14
    assert mail.send() == (429, {"message": "Maximum sending rate exceeded.", "name": "TooManyRequestsException"})
    mail.clock.now += 0.5
    assert [mail.send()[0] for _ in range(8)] == [200] * 7 + [429]
    assert mail.limits.counts()["ses.send_rate"] == 2


def test_an_email_to_several_takes_room_that_must_be_built_up_again(mail: Ses) -> None:
    assert mail.send(*(f"C-{n}@customers.example" for n in range(28)))[0] == 200
    mail.clock.now += 1
    assert mail.send()[0] == 429
    mail.clock.now += 0.2
    assert mail.send()[0] == 200


def test_the_days_quota_counts_recipients_and_comes_back_after_24_hours(mail: Ses) -> None:
    mail.limits.change("ses.daily_quota", value=3)
    assert mail.send("a@x.example", "b@x.example")[0] == 200
    assert mail.send()[0] == 200
    status, refused = mail.send()
    assert (status, refused["name"], refused["message"]) == (
        400,
        "LimitExceededException",
        "Daily message quota exceeded.",
    )
    assert mail.limits.counts()["ses.daily_quota"] == 1
    assert mail.send("success@simulator.amazonses.com")[0] == 200, "the simulator's don't count"
    mail.clock.now += 86_400
    assert mail.send()[0] == 200


def test_the_account_says_what_may_be_sent_about_once_a_second(mail: Ses) -> None:
    mail.send()
    status, account = mail.call("GET", "/v2/email/account")
    assert status == 200
    assert account["SendQuota"] == {"MaxSendRate": 14.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 1.0}
    assert mail.call("GET", "/v2/email/account")[0] == 429
    mail.clock.now += 1
    assert mail.call("GET", "/v2/email/account")[0] == 200


def test_a_new_account_sends_to_verified_addresses_and_the_simulator_only(mail: Ses) -> None:
    mail.limits.change("ses.sandbox", on=True)
    status, refused = mail.send()
    assert (status, refused["name"]) == (400, "MessageRejected")
    assert "Email address is not verified" in refused["message"]
    assert mail.send("someone@example.com")[0] == 200
    assert mail.send("bounce@simulator.amazonses.com")[0] == 429, "one mail a second"
    mail.clock.now += 1
    assert mail.send("bounce@simulator.amazonses.com")[0] == 200
    assert mail.call("GET", "/v2/email/account")[1]["SendQuota"]["Max24HourSend"] == 200


def test_a_sender_that_is_not_verified_is_refused(mail: Ses) -> None:
    mail.call("DELETE", "/v2/email/identities/example.com")
    assert mail.send()[1]["name"] == "MessageRejected"


@pytest.mark.parametrize(
    ("address", "fate"),
    [
        ("bounce@simulator.amazonses.com", Fate("Bounce", "Permanent", "General")),
        ("bounce+label@simulator.amazonses.com", Fate("Bounce", "Permanent", "General")),
        ("complaint@simulator.amazonses.com", Fate("Complaint")),
        ("suppressionlist@simulator.amazonses.com", Fate("Bounce", "Permanent", "OnAccountSuppressionList")),
        ("success@simulator.amazonses.com", DELIVERED),
        ("acme@customers.example", DELIVERED),
    ],
)
def test_the_mailbox_simulator_has_its_documented_fates(address: str, fate: Fate) -> None:
    assert fate_of(address) == fate


def test_a_bounce_is_published_with_the_tags_and_the_set_of_its_email(mail: Ses) -> None:
    message_id = mail.send("bounce@simulator.amazonses.com")[1]["MessageId"]
    ((detail_type, event),) = mail.events()
    assert detail_type == "Email Bounced"
    assert (event["eventType"], event["bounce"]["bounceType"]) == ("Bounce", "Permanent")
    assert event["bounce"]["bouncedRecipients"][0]["emailAddress"] == "bounce@simulator.amazonses.com"
    assert event["mail"]["messageId"] == message_id
    assert event["mail"]["tags"] == {"ses:configuration-set": [SET], "notice": ["2026-10_acme"]}


def test_a_delivery_is_not_published_to_a_destination_that_did_not_ask_for_it(mail: Ses) -> None:
    mail.send()
    assert not mail.published


def test_a_share_of_the_addresses_bounces_always_the_same_ones_and_then_they_are_on_the_list(mail: Ses) -> None:
    mail.limits.change("ses.send_rate", on=False)
    mail.limits.change("ses.bounce_share", value=0.1)
    mail.limits.change("ses.complaint_share", value=0.05)
    for _ in range(2):
        for number in range(200):
            mail.send(f"C-{number}@customers.example")
    by_subtype = [event.get("bounce", {}).get("bounceSubType") for _, event in mail.events()]
    bounced = by_subtype.count("General")
    assert 8 <= bounced <= 32
    complained = by_subtype.count(None)
    assert 3 <= complained <= 20
    assert by_subtype.count("OnAccountSuppressionList") == bounced + complained
    assert mail.limits.counts()["ses.bounce_share"] == bounced
    assert mail.limits.counts()["ses.suppression_list"] >= bounced


def test_a_limit_that_is_switched_off_refuses_nothing(mail: Ses) -> None:
    mail.limits.change("ses.send_rate", on=False)
    assert [mail.send()[0] for _ in range(50)] == [200] * 50
