"""`monthclose sources`: whose files are imported, and how they are read."""

from typing import Any, Unpack

import typer

from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.importing import HINTS, Reading, file_options
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.imports.file_options import TEXTS
from monthclose.domain.imports.source import BUILT_IN, Source

_OPTIONS = {"mapped": "--map", "defaults": "--default", "only": "--only", "without": "--without"}


def sources(ctx: typer.Context, *, in_json: bool) -> None:
    """Show the sources."""
    if ctx.invoked_subcommand:
        return
    found = connected(ctx).use_cases.sources.all()
    if in_json:
        print_json([_as_json(found[name]) for name in sorted(found)])
        return
    rows = [(each.name, each.kind, _in_words(each)) for _, each in sorted(found.items())]
    show(grid(rows, header=("source", "sends", "its files are read with")))


def save(
    ctx: typer.Context, name: str, kind: str = "usage", *, by: str, in_json: bool = False, **reading: Unpack[Reading]
) -> None:
    """Save how the files of a source are read."""
    source = Source(name, kind, file_options(reading)).checked(HINTS)
    system = connected(ctx)
    keeper = system.use_cases.sources
    was = keeper.all().get(name)
    before, after = (as_text(**{name: each.content()}) if each else "" for each in (was, source))
    with system.use_cases.acts.acting("source.saved", by=by, before=before, after=after):
        keeper.save(source)
    if in_json:
        print_json(_as_json(source))
        return
    say(f"the {kind} files of {name} are read with {_in_words(source)}", "bold")
    if kind == "usage":
        note(f"with the command: import usage FILE --source {name}; dropped files: below usage/{name}/")


def remove(ctx: typer.Context, name: str, *, by: str, in_json: bool = False) -> None:
    """Remove a source."""
    system = connected(ctx)
    keeper = system.use_cases.sources
    was = keeper.all().get(name)
    before = as_text(**{name: was.content()}) if was else ""
    with system.use_cases.acts.acting("source.removed", by=by, before=before, after=""):
        keeper.remove(name)
    if in_json:
        print_json({"source": name, "removed": True})
    else:
        say(f"the source {name} was removed; what was imported stays", "bold")


def _in_words(source: Source) -> str:
    """Write a source's options as they are given on the command line."""
    texts = [HINTS.say(name, value) for name in TEXTS if (value := getattr(source.options, name))]
    tables = [
        f"{option} {key}={value}"
        for name, option in _OPTIONS.items()
        for key, value in getattr(source.options, name).items()
    ]
    return " ".join([*tables, *texts]) or "no options"


def _as_json(source: Source) -> dict[str, Any]:
    return {"source": source.name, "built_in": source.name in BUILT_IN, **source.content()}
