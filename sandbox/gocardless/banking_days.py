"""When banks collect: the earliest charge date of a mandate.

GoCardless publishes the rules (API reference, "Mandates" and "Payments"): a charge date before the mandate's
``next_possible_charge_date`` is refused, one that is no working day moves on to the next. It does not publish how many
days a scheme needs: the numbers here are the sandbox's.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from sandbox.working_days import after_working_days

# Working days that the banks need: for a mandate they know, and for a new one.
_LEAD_DAYS: Mapping[str, tuple[int, int]] = {
    "ach": (2, 4),
    "autogiro": (2, 6),
    "bacs": (3, 6),
    "becs": (2, 3),
    "becs_nz": (2, 3),
    "betalingsservice": (3, 5),
    "pad": (2, 4),
    "sepa_core": (2, 4),
}


def earliest_charge(scheme: str, now: float, *, known: bool) -> date:
    """Return the earliest day on which a scheme can collect.

    Parameters
    ----------
    now : float
        Seconds since the epoch.
    known : bool
        Whether the bank knows the mandate already.
    """
    return after_working_days(datetime.fromtimestamp(now, UTC).date(), _LEAD_DAYS[scheme][0 if known else 1])
