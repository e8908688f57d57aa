"""`monthclose pack`: what is in the report pack of a close; make it, download it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import typer

from cli.commands.close import check_ended
from cli.console import grid, note, print_json, say, show
from cli.home import shown
from cli.months import connect_for, require_close
from cli.system import System
from cli.watching import wait_for_end
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pack.pack import MadeFor, Pack, PackFile
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Documents
from monthclose.use_cases.pack.pack_page import WHY, size, utc
from monthclose.use_cases.proof.report_pack import current_pack, last_failure

_READ_AT_ONCE = 8 * 2**20
_MOST_UNREADABLE = 5
_PROGRAMS = "parquet"
"""The folder of a pack with files for programs."""


def pack(ctx: typer.Context, period: str | None, *, make: bool, download: Path | None, by: str, in_json: bool) -> None:
    """Show a report pack, and make or download it first if that is asked for."""
    system, chosen = connect_for(ctx, period)
    require_close(system, chosen)
    if make:
        _make(system, chosen, by)
    found = current_pack(system.ports.documents, chosen)
    if found is None:
        raise UserMistakeError(_none(system, chosen))
    outdated = system.use_cases.pack_planner.is_outdated(chosen)
    if in_json:
        place = system.ports.documents.location(found.key_of(""))
        print_json({**found.content(), "outdated": outdated, "place": place})
    else:
        _print(found, outdated=outdated)
    if download is not None:
        _download(system, found, download)


def _none(system: System, period: Period) -> str:
    """Say why there is no pack, and what makes one."""
    failure = last_failure(system.ports.documents, period)
    why = f": the last one could not be made ({failure.why}, {utc(failure.time)})" if failure else " yet"
    return f"there is no report pack of {period}{why}\nmake it with: monthclose pack {period} --make"


def _make(system: System, period: Period, by: str) -> None:
    """Make a pack, and wait for it."""
    if not system.packs:
        raise UserMistakeError("this deployment makes no report packs yet: run `cdk deploy --all` from this release")
    with system.use_cases.acts.acting("pack.requested", by=by, period=period) as act:
        name = f"pack-{period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        request = {"period": str(period), "made_for": MadeFor.PERSON, "by": by, "act": act.made.name}
        execution = system.ports.workflow.start(system.packs, name, request)
    note(f"the report pack of {period} is being made", "")
    state = wait_for_end(system, execution, "the making of the report pack goes on")
    check_ended(state, f"the making of the report pack of {period}", f"to try again: monthclose pack {period} --make")


def _print(found: Pack, *, outdated: bool) -> None:
    say(f"report pack of {found.period}: {count(found.customers, 'customer')}, {size(found.size)}", "bold")
    say(f"  {WHY[found.made_for]}, {utc(found.made_at)}; figures as of {utc(found.planned_at)}")
    if outdated:
        say("  the books have changed since, or the month's journal is final now", "yellow")
        say(f"  to make it again: monthclose pack {found.period} --make", "yellow")
    for line in found.unreadable[:_MOST_UNREADABLE]:
        say(f"  could not be read: {line}", "red")
    if found.unreadable_in_all > _MOST_UNREADABLE:
        note(f"  and {found.unreadable_in_all - _MOST_UNREADABLE:,} more, on its page of contents")
    for line in found.remarks:
        say(f"  warning: {line}", "yellow")
    people, programs = _split(found)
    rows = [(f"  {file.name}", _rows(file), size(file.size), file.what) for file in people]
    show(grid(rows, header=("  file", "rows", "size", "what it holds")))
    if programs:
        whole = size(sum(file.size for file in programs))
        say(f"  {_PROGRAMS}/: the same tables for programs, {count(len(programs), 'file')}, {whole}")
    say(f"  to have it here: monthclose pack {found.period} --download FOLDER", "dim")


def _split(found: Pack) -> tuple[list[PackFile], list[PackFile]]:
    programs = [file for file in found.files if file.name.startswith(f"{_PROGRAMS}/")]
    return [file for file in found.files if file not in programs], programs


def _rows(file: PackFile) -> str:
    return "" if file.rows is None else f"{file.rows:,}"


def _download(system: System, found: Pack, folder: Path) -> None:
    """Copy all files; one that breaks off leaves nothing under its name, and the same command continues."""
    try:
        for name in found.names:
            _copy(system, found, name, _within(folder, name))
    except OSError as error:
        raise UserMistakeError(f"{shown(folder)} cannot be written: {error.strerror}") from None
    say(f"{count(len(found.names), 'file')} in {shown(folder)}; begin with {shown(folder / 'index.html')}")


def _within(folder: Path, name: str) -> Path:
    """Find the place of a file in the folder.

    Raises
    ------
    UserMistakeError
        The name leads out of it: the manifest is not one of ours.
    """
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name:
        raise UserMistakeError(f"the report pack has a file with an impossible name: {name!r}")
    return folder.joinpath(*place.parts)


def _copy(system: System, found: Pack, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.part")
    with beside.open("wb") as file:
        file.writelines(_content(system.ports.documents, found.key_of(name)))
    beside.replace(target)


def _content(documents: Documents, key: str) -> Iterator[bytes]:
    offset = 0
    while content := documents.get_slice(key, offset, _READ_AT_ONCE):
        yield content
        offset += len(content)
