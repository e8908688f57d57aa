"""`monthclose prove`: make all checks of a close now, from its records."""

import typer

from cli.checks import print_checks, print_failures
from cli.console import err, print_json, say
from cli.exit_status import ExitStatus
from cli.months import connect_for
from monthclose.domain.closes.checks import State
from monthclose.domain.closes.tally import MOST_NAMED
from monthclose.domain.words import count
from monthclose.use_cases.proof.check_entries import entry_of
from monthclose.use_cases.proof.prove_close import Proof

_ALL = 100_000
"""Failures of each check that `--all` names: bounds the memory."""


def prove(ctx: typer.Context, period: str | None, *, everything: bool, in_json: bool) -> None:
    """Prove a close, and print each check with both sides."""
    system, chosen = connect_for(ctx, period)
    with err().status("proving") as status:
        proof = system.use_cases.prover.prove(chosen, most=_ALL if everything else MOST_NAMED, tell=status.update)
    entries = [entry_of(result) for result in proof.results]
    if in_json:
        print_json(
            {
                "period": str(proof.period),
                "ties": proof.ties,
                "running": proof.running,
                "proved_at": proof.proved_at.isoformat(),
                "batches": proof.batches,
                "checked": proof.checked,
                "checks": entries,
            }
        )
    else:
        print_checks(entries)
        print_failures(entries, f"monthclose prove {chosen} --all")
        say(*_verdict(proof))
    raise typer.Exit(ExitStatus.DONE if proof.ties else ExitStatus.UNRESOLVED)


def _verdict(proof: Proof) -> tuple[str, str]:
    failed = sum(result.state is State.FAILED for result in proof.results)
    left_out = sum(result.state is State.NOT_CHECKED for result in proof.results)
    made = len(proof.results) - left_out
    what = (
        f"{proof.period}: {failed} of {count(made, 'check')} failed"
        if failed
        else f"{proof.period}: {made} checks passed"
    )
    if proof.running:
        finished = f"{proof.checked:,} of {count(proof.batches, 'batch', 'batches')}"
        what += f", of the finished batches only: the close is still running ({finished})"
    if left_out:
        what += f"; {left_out} could not be made"
    return what, "bold red" if failed else "bold yellow" if left_out or proof.running else "bold green"
