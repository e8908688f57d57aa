"""Makes tests/sandbox/stripe_types.json of the types that Stripe publishes with its SDK for Node.

    npm pack stripe@23.1.0 && tar xzf stripe-23.1.0.tgz
    python -m tests.sandbox.regenerate_stripe_types package

The file has what the fake Stripe's objects are checked against: of each object the members, whether they are always
there (a name that ends in `?` is not), their types, and the published values of the words. Types of payment methods,
next actions and the like that the sandbox has none of keep their names only.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

TARGET = Path(__file__).with_name("stripe_types.json")
ROOTS = {
    "BalanceTransactions": ("BalanceTransaction",),
    "Charges": ("Charge",),
    "Checkout/Sessions": ("Session",),
    "Customers": ("Customer", "DeletedCustomer"),
    "Disputes": ("Dispute",),
    "Events": ("EventBase",),
    "LineItems": ("LineItem",),
    "PaymentIntents": ("PaymentIntent",),
    "PaymentMethods": ("PaymentMethod",),
    "Payouts": ("Payout",),
    "Prices": ("Price",),
    "Refunds": ("Refund",),
    "SetupIntents": ("SetupIntent",),
    "../shared": ("Address",),
}
VARIANTS = re.compile(r"(PaymentMethodDetails|PaymentMethodOptions|NextAction|DestinationDetails|PaymentMethod)$")
"""Interfaces with a member for each of many types, of which only these are kept whole."""
KEPT_VARIANTS = {
    *("card", "sepa_debit", "bacs_debit", "us_bank_account"),
    *("redirect_to_url", "use_stripe_sdk", "display_details", "billing_details", "radar_options", "allow_redisplay"),
}
LISTED_IN_WORDS = {
    *("Refund.status", "Refund.failure_reason", "Dispute.reason", "BalanceTransaction.status"),
    *("Payout.status", "Payout.method", "Payout.source_type"),
    *("Charge.Outcome.type", "Charge.Outcome.network_status", "Charge.Outcome.risk_level"),
}
"""Members that are typed as any text, but whose values the text above them lists."""
EVENTS = re.compile(
    r"(charge|checkout\.session|payment_intent|payment_method|payout|refund|setup_intent)\."
    r"|customer\.(created|updated|deleted)$"
)

_MEMBER = re.compile(
    r"(?:/\*\*(?P<words>(?:(?!\*/).)*)\*/\s*)?(?P<name>\w+)(?P<maybe>\??): (?P<type>(?:\{.*?\}|[^;{])+);", re.DOTALL
)
_OPENING = re.compile(r"(?:export )?(?:declare )?(?P<what>interface|namespace|class) (?P<name>\w+)[^{]*\{")
_WORDS = re.compile(r"(?:export )?type (?P<name>\w+) = (?P<values>[^;]+);")


@dataclass
class Types:
    """The interfaces and the lists of words of some files, by their names with all namespaces."""

    interfaces: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    maps: set[str] = field(default_factory=set)

    def read(self, text: str, scope: str = "") -> str:
        """Take what a text declares; answer the text without its nested blocks."""
        rest: list[str] = []
        place = 0
        while opening := _OPENING.search(text, place):
            rest.append(text[place : opening.start()])
            end = _closing(text, opening.end())
            name = f"{scope}{opening['name']}"
            if opening["what"] == "namespace":
                self.read(text[opening.end() : end], f"{name}.")
            elif opening["what"] == "interface":
                self.interfaces[name] = text[opening.end() : end]
            place = end + 1
        rest.append(text[place:])
        for found in _WORDS.finditer("".join(rest)):
            values = re.findall(r"'([^']+)'", found["values"])
            if found["values"].startswith("{"):
                self.maps.add(f"{scope}{found['name']}")
            elif values:
                self.words[f"{scope}{found['name']}"] = values
        return "".join(rest)

    def full_name(self, name: str, scope: str) -> str | None:
        """Find a name as the language does: in the innermost scope that has it."""
        parts = scope.split(".")
        for depth in range(len(parts), -1, -1):
            full = ".".join([*parts[:depth], name])
            if full in self.interfaces or full in self.words or full in self.maps:
                return full
        return None


def _closing(text: str, place: int) -> int:
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        place += 1
    return place - 1


def facts(types: Types, roots: list[str]) -> dict[str, object]:
    """Return the roots and all that they refer to."""
    made: dict[str, object] = {"Metadata": "map", "Event.Data.Object": "map", "Event.Data.PreviousAttributes": "map"}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in made:
            continue
        if name in types.maps:
            made[name] = "map"
            continue
        if name in types.words:
            made[name] = [word for word in types.words[name] if name != "Event.Type" or EVENTS.match(word)]
            continue
        members: dict[str, object] = {}
        for member in _MEMBER.finditer(types.interfaces[name]):
            label = f"{member['name']}{member['maybe']}"
            if VARIANTS.search(name) and member["maybe"] and member["name"] not in KEPT_VARIANTS:
                members[label] = "unknown"
                continue
            members[label], found = _type(types, f"{name}.{member['name']}", member)
            waiting += found
        made[name] = members
    return dict(sorted(made.items()))


def _type(types: Types, path: str, member: re.Match[str]) -> tuple[object, list[str]]:
    if path in LISTED_IN_WORDS:
        words = re.findall(r"`(\w+)`", (member["words"] or "").partition("Learn more")[0])
        return [*dict.fromkeys(words), *(["null"] if "null" in member["type"] else [])], []
    text = " ".join(member["type"].split())
    found: list[str] = []
    if text.startswith("{"):
        return "map", []

    def named(match: re.Match[str]) -> str:
        full = types.full_name(match[0], path.rpartition(".")[0])
        if full is None:
            return match[0]
        found.append(full)
        return full

    return re.sub(r"(?<!['\w])[A-Z][\w.]*", named, text).replace(" ", ""), found


def main(package: Path) -> None:
    """Read the package and write the file."""
    types = Types()
    for file in ROOTS:
        types.read((package / "esm" / "resources" / f"{file}.d.ts").read_text())
    version = re.search(r"ApiVersion = '([^']+)'", (package / "esm" / "apiVersion.js").read_text())
    assert version
    made = facts(types, [name for names in ROOTS.values() for name in names])
    document = {"api_version": version[1], "package": "stripe " + (package / "VERSION").read_text().strip()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in (*document.items(), *made.items())]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
