"""What SES reports of the e-mails that it has accepted, published as it does.

MiniStack 1.5.33 keeps a configuration set's event destinations and sends nothing to them.
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, ses_v2

from sandbox.clock import VARIABLE, ClockFile


class Fate(NamedTuple):
    """What becomes of an e-mail to an address: `Bounce` with its type and subtype, or `Complaint` with its subtype."""

    event: str
    type: str = ""
    subtype: str = ""


DELIVERED = Fate("Delivery")
_SIMULATOR = "simulator.amazonses.com"
_SIMULATED = {
    "bounce": Fate("Bounce", "Permanent", "General"),
    "suppressionlist": Fate("Bounce", "Permanent", "OnAccountSuppressionList"),
    "ooto": Fate("Bounce", "Transient", "General"),
    "complaint": Fate("Complaint"),
}
"""SES' mailbox simulator, by local part (its guide, "Using the mailbox simulator")."""
_DETAIL_TYPES = {"Bounce": "Email Bounced", "Complaint": "Email Complaint Received", "Delivery": "Email Delivered"}

_LARGE = {"MaxSendRate": 1000.0, "Max24HourSend": -1.0, "SentLast24Hours": 0.0}
"""A large account's quota: nobody waits for mail on this machine, unless it is as strict as AWS."""

_SECONDS = float(os.environ.get("MONTHCLOSE_MAIL_SECONDS", "0"))
"""How long it takes to hand an e-mail over: half of it before it is accepted, half after."""

FATES: list[Callable[[str], Fate | None]] = []
"""Decide the fates of addresses that are not the simulator's; the first that knows one is heard."""


def is_simulated(address: str) -> bool:
    """Whether an address is the mailbox simulator's."""
    return address.lower().endswith(f"@{_SIMULATOR}")


def fate_of(address: str) -> Fate:
    """Say what becomes of an e-mail to an address; the simulator's may have labels: `bounce+1@…`."""
    if is_simulated(address):
        return _SIMULATED.get(address.lower().partition("@")[0].partition("+")[0], DELIVERED)
    return next((fate for decide in FATES if (fate := decide(address))), DELIVERED)


def publish_mail_events() -> None:
    """Let MiniStack's SES publish the events of the e-mails that it accepts."""
    original = ses_v2.handle_request

    async def publishing(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        pause = _SECONDS / 2 if is_sending(method, path) else 0.0
        await asyncio.sleep(pause)
        answer = await original(method, path, headers, body, query_params)
        await asyncio.sleep(pause)
        if is_about_account(method, path):
            return answer[0], answer[1], json.dumps(json.loads(answer[2]) | {"SendQuota": _LARGE}).encode()
        if is_sending(method, path) and answer[0] == 200:
            _publish(json.loads(body), json.loads(answer[2])["MessageId"])
        return answer

    ses_v2.handle_request = publishing


def is_about_account(method: str, path: str) -> bool:
    """Whether a request is a GetAccount."""
    return method == "GET" and path.rstrip("/").endswith("/v2/email/account")


def is_sending(method: str, path: str) -> bool:
    """Whether a request is a SendEmail."""
    return method == "POST" and path.rstrip("/").endswith("/outbound-emails")


def recipients(request: dict[str, Any]) -> list[str]:
    """List the addresses that an e-mail goes to."""
    return [address for kind in ("To", "Cc", "Bcc") for address in request["Destination"].get(f"{kind}Addresses", [])]


def _publish(request: dict[str, Any], message_id: str) -> None:
    name = request.get("ConfigurationSetName", "")
    destinations = (ses_v2._config_sets.get(name) or {}).get("EventDestinations") or {}
    for address in recipients(request):
        fate = fate_of(address)
        for destination in destinations.values():
            if destination["Enabled"] and fate.event.upper() in destination["MatchingEventTypes"]:
                _put(destination, fate, _event(request, message_id, address, fate))


def _put(destination: dict[str, Any], fate: Fate, event: dict[str, Any]) -> None:
    """Publish one event. Only EventBridge: the product uses no other destination."""
    if "EventBridgeDestination" not in destination:
        return
    bus = destination["EventBridgeDestination"]["EventBusArn"].rpartition("/")[2]
    entry = {
        "Source": "aws.ses",
        "DetailType": _DETAIL_TYPES[fate.event],
        "Detail": json.dumps(event),
        "Resources": [_arn("configuration-set", event["mail"]["tags"]["ses:configuration-set"][0])],
        "EventBusName": bus,
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _clock() -> Callable[[], float]:
    """Return the local clock: a bounce is compared with the notice, which was written by it."""
    path = os.environ.get(VARIABLE)
    return ClockFile(Path(path)) if path else time.time


def _event(request: dict[str, Any], message_id: str, address: str, fate: Fate) -> dict[str, Any]:
    """Write an event as SES' guide shows it ("Contents of event data")."""
    now = datetime.fromtimestamp(_clock()(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found: dict[str, Any] = {"timestamp": now, "feedbackId": str(uuid.uuid4())}
    if fate.event == "Bounce":
        recipient = {"emailAddress": address, "action": "failed", "status": "5.1.1"}
        found |= {"bounceType": fate.type, "bounceSubType": fate.subtype, "bouncedRecipients": [recipient]}
    elif fate.event == "Complaint":
        found |= {"complainedRecipients": [{"emailAddress": address}], "complaintSubType": fate.subtype or None}
        found |= {} if fate.subtype else {"complaintFeedbackType": "abuse"}
    else:
        found |= {"recipients": [address], "smtpResponse": "250 ok"}
    tags = {tag["Name"]: [tag["Value"]] for tag in request.get("EmailTags", [])}
    source = request["FromEmailAddress"]
    return {
        "eventType": fate.event,
        fate.event.lower(): found,
        "mail": {
            "timestamp": now,
            "source": source,
            "sourceArn": _arn("identity", source.rpartition("@")[2]),
            "sendingAccountId": get_account_id(),
            "messageId": message_id,
            "destination": recipients(request),
            "headersTruncated": False,
            "tags": {"ses:configuration-set": [request["ConfigurationSetName"]], **tags},
        },
    }


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:ses:{get_region()}:{get_account_id()}:{kind}/{name}"
