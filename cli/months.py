"""The month that a command is about: last month unless another is given."""

import typer

from cli.connect import connected
from cli.system import System
from cli.typed import period_in
from monthclose.domain.closes.close import Close
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period


def connect_for(ctx: typer.Context, period: str | None, option: str = "") -> tuple[System, Period]:
    """Connect, and choose the period: last month by default. It is an argument unless `option` names an option."""
    said = None if period is None else period_in(period, option)  # a typing mistake needs no connection to be told
    system = connected(ctx)
    return system, said or system.this_month.previous


def require_close(system: System, period: Period) -> Close:
    """Read a close that must exist."""
    close = system.ports.closes.get(period)
    if close is None:
        known = ", ".join(str(other.period) for other in system.ports.closes.all()[:6])
        raise UserMistakeError(
            f"{period} has not been closed"
            + (f"; these have: {known}" if known else f"\nclose it with: monthclose close {period}")
        )
    return close
