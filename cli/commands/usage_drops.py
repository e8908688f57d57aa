"""`monthclose usage drops`: which usage files were dropped, and what became of each."""

from typing import Any

import typer

from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from monthclose.names import REJECTS_PREFIX, USAGE_PREFIX
from monthclose.use_cases.imports.list_drops import Drop, DropState
from monthclose.use_cases.pack.pack_page import size

_HEADER = ("  file", "dropped (UTC)", "size", "", "rows", "rejected")
_HELP = {
    DropState.FAILED: "monthclose's own failure, not the file's: drop it again, or redrive its execution",
    DropState.UNUSABLE: "to be corrected by its sender, and dropped again",
}


def drops(ctx: typer.Context, *, most: int, in_json: bool) -> None:
    """List the files that were dropped last."""
    system = connected(ctx)
    found = system.use_cases.drop_lister.latest(most)
    place = system.ports.inbox.location(USAGE_PREFIX)
    if in_json:
        print_json({"files": [_as_json(each) for each in found], "place": place})
        return
    if not found:
        say("no usage file was dropped")
    else:
        show(grid([_row(each) for each in found], right=(2, 4, 5), header=_HEADER))
    for each in found:
        if each.error or each.state in _HELP:
            say(f"  {_name(each)}: {each.error.splitlines()[0] if each.error else each.state}", "yellow")
            note(f"  {_HELP.get(each.state, '')}", "")
    if any(each.rejected for each in found):
        say(f"  the rejected rows of a file: s3://{place['bucket']}/{REJECTS_PREFIX}NAME.csv", "dim")
    note(f"files are dropped below s3://{place['bucket']}/{place['key']}", "")


def _row(drop: Drop) -> tuple[str, ...]:
    counts = ("" if number is None else f"{number:,}" for number in (drop.rows, drop.rejected))
    arrived = drop.arrived
    return (f"  {_name(drop)}", f"{arrived.time:%Y-%m-%d %H:%M:%S}", size(arrived.size), str(drop.state), *counts)


def _name(drop: Drop) -> str:
    return drop.arrived.key.removeprefix(USAGE_PREFIX)


def _as_json(drop: Drop) -> dict[str, Any]:
    arrived = drop.arrived
    return {
        "key": arrived.key,
        "version": arrived.version,
        "dropped_at": arrived.time.isoformat(),
        "size": arrived.size,
        "state": drop.state,
        "imported_at": drop.ended_at.isoformat() if drop.ended_at else None,
        "rows": drop.rows,
        "rejected": drop.rejected,
        "error": drop.error,
    }
