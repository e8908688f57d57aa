"""`monthclose audit`: who changed what, when and why; and whether the trail is as it was written."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import typer

from cli import acts
from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.exit_status import ExitStatus
from cli.system import System
from cli.typed import period_in
from monthclose.domain.audit import RecordedAct
from monthclose.domain.audit import check as check_trail
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count

_MOST_DAMAGE = 50


def audit(  # noqa: PLR0913
    ctx: typer.Context,
    *,
    period: str | None,
    customer: str | None,
    invoice: str | None,
    what: str | None,
    by: str | None,
    since: str | None,
    until: str | None,
    most: int,
    check: bool,
    in_json: bool,
) -> None:
    """Show the acts, or check the trail."""
    month = period_in(period, "--period") if period else None
    begin, end = _time(since, "--since"), _time(until, "--until")
    if check and any((period, customer, invoice, what, by)):
        raise UserMistakeError("--check reads all acts: leave out --period, --customer, --invoice, --what and --by")
    system = connected(ctx)
    if check:
        raise typer.Exit(_check(system, begin, end, in_json=in_json))
    found = system.ports.audit.find(
        period=month,
        customer_id=customer or "",
        invoice=invoice or "",
        subject=(what or "").partition(".")[0],
        since=begin,
        until=end,
    )
    chosen = (each for each in found if _by(each, by) and (not what or each.act.what.startswith(what)))
    if in_json:
        listed = list(islice(chosen, most + 1))
        print_json({"acts": [acts.as_json(each) for each in listed[:most]], "more": len(listed) > most})
        return
    _print(chosen, most)


def _by(recorded: RecordedAct, wanted: str | None) -> bool:
    named = (recorded.act.by, recorded.act.who, recorded.identity)
    return not wanted or any(wanted.casefold() in name.casefold() for name in named)


def _time(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UserMistakeError(
            f"{option} {text}: use a date like 2026-11-01, or a time like 2026-11-01T09:30"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _print(found: Iterator[RecordedAct], most: int) -> None:
    listed = list(islice(acts.with_outcomes(found), most + 1))
    if not listed:
        note("there are no such acts", "")
        return
    rows = [
        (
            f"{each.recorded.act.time:%Y-%m-%d %H:%M:%S}",
            each.recorded.act.what,
            acts.who(each.recorded),
            "\n".join(filter(None, (acts.about(each.recorded), acts.in_words(each)))),
        )
        for each in listed[:most]
    ]
    show(grid(rows, header=("when (UTC)", "what", "who", "")))
    if len(listed) > most:
        note(f"there are more; to see them: --most {10 * most}, or --until {rows[-1][0].replace(' ', 'T')}", "")


def _check(system: System, since: datetime | None, until: datetime | None, *, in_json: bool) -> ExitStatus:
    read = 0

    def counted() -> Iterator[RecordedAct]:
        nonlocal read
        for each in system.ports.audit.find(since=since, until=until):
            read += 1
            yield each

    damage = list(check_trail(counted(), whole=since is None))
    if in_json:
        print_json({"acts": read, "whole": not damage, "damage": [each._asdict() for each in damage]})
    elif damage:
        say(f"the audit trail was tampered with: {count(len(damage), 'act')} of {count(read, 'act')}", "bold red")
        show(grid([(f"  {each.name}", each.text) for each in damage[:_MOST_DAMAGE]]))
        note("CloudTrail knows who changed the table's policy; its backups have the acts (docs/audit.md)", "")
    else:
        say(f"the audit trail is as it was written: {count(read, 'act')}", "bold green")
    return ExitStatus.UNRESOLVED if damage else ExitStatus.DONE
