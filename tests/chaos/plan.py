"""What goes wrong in `make chaos`: every fault, on one call in ten, and an outage of a minute."""

from typing import Any

_MOVING = {"stripe": "payment_intents.confirm", "gocardless": "payments.create"}
_FAULTS = ("reset", "cut", "error_500", "conflict_409", "unavailable_503", "hang", "rate_limit_429", "delay")
_OWN = {"stripe": ("lock_timeout_429",), "gocardless": ()}
"""What only one of them does."""
_ONLY_BEFORE = ("rate_limit_429", "lock_timeout_429")
_SECONDS = {"hang": 3, "delay": 1}
SHARE = 0.1
"""Of the calls that meet a fault."""
REVERSALS = {
    "refund": 0.05,
    "refund_fails": 0.1,
    "charge_back": 0.05,
    "charge_back_cancelled": 0.1,
    "late_failure": 0.05,
}
"""Of the bank debits that are collected: what happens to them then."""
OUTAGE = {"start": 20, "duration": 60}
"""In seconds after the plan was put in force."""


def chaos_plan(seed: int) -> dict[str, Any]:
    """Make the plan for the sandbox (docs/sandbox.md).

    Where money moves, each fault strikes before and after it; elsewhere before only. The shares of the rules add up to
    one call in ten: each later rule sees the calls that the earlier ones left.
    """
    rules = []
    for provider, moving in _MOVING.items():
        faults_of = (*_FAULTS, *_OWN[provider])
        after = [(fault, "after") for fault in faults_of if fault not in _ONLY_BEFORE]
        before = [(fault, "before") for fault in faults_of]
        for endpoint, faults in ((moving, [*after, *before]), ("*", before)):
            for fault, when in faults:
                seconds = {"seconds": _SECONDS[fault]} if fault in _SECONDS else {}
                share = SHARE / len(faults)
                rules.append(
                    {"provider": provider, "endpoint": endpoint, "fault": fault, "when": when, "probability": share}
                    | seconds
                )
    webhooks = {"duplicate": 0.3, "delay": 0.3, "delay_seconds": [0.1, 3], "reorder": 0.3, "drop_first": 0.1}
    return {
        "seed": seed,
        "rules": rules,
        "outages": [OUTAGE],
        "limits": {"stripe": {"rate": 25, "burst": 25, "account_rate": 100}},
        "webhooks": {"stripe": webhooks, "gocardless": webhooks | {"batch": 0.3}},
        "reversals": {"gocardless": REVERSALS},
    }
