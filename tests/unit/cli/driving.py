"""The command over a world in memory, and what stands in for the state machine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import typer.main
import typer.testing
from typer.testing import CliRunner, Result

from cli.main import app
from cli.system import Notes, System
from monthclose.domain.period import Period
from monthclose.ports import Execution
from monthclose.settings import LinkSettings
from monthclose.use_cases.reconciliation.remote_desk import serve
from tests.archiving import archive
from tests.fakes import FakeWorkflow
from tests.world import World

EXECUTION = "arn:execution"

# The runner puts the commands together for each call, which takes 20 ms: longer than most of them run.
typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]


class FakeMachine(FakeWorkflow):
    """The world's workflow engine. It runs a whole close when it is asked how an execution stands a second time."""

    def __init__(self, world: World) -> None:
        super().__init__(world.workflow.running, world.workflow.gone, world.workflow.answers, world.workflow.started)
        self.world = world
        self.closes: list[tuple[str, Mapping[str, Any]]] = []
        """Names and requests of the executions that were started."""
        self.end: Execution | None = None
        self.on_look: Callable[[int], None] = lambda _look: None
        self.looks = 0

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> str:
        self.closes.append((name, request))
        if machine == "arn:archive":
            [month] = archive(self.world, name, only=Period.parse(request["period"]))
            self.end = self.end or Execution("SUCCEEDED", {"archived": {"period": str(month.period)}})
        return EXECUTION

    def describe(self, execution: str) -> Execution:
        self.looks += 1
        self.on_look(self.looks)
        if self.end:
            return self.end
        if self.looks == 1:
            return Execution("RUNNING")
        request = self.closes[-1][1]
        period = Period.parse(request["period"])
        if "made_for" in request:
            made = self.world.pack(period, request["made_for"])
            return Execution("SUCCEEDED", {"made": True, "name": made.name})
        if request.get("dry_run"):
            rehearsed = self.world.rehearse(period)
            return Execution("SUCCEEDED", {"outcome": "rehearsed", "findings": rehearsed.findings})
        run = self.world.open(period, execution)
        judged = self.world.go_to_the_gate(period, execution, run)
        if judged and judged.outcome == "not_approved":
            self.world.workflow.running.discard(execution)
            return Execution("SUCCEEDED", {"outcome": judged.outcome, "why": judged.why})
        report = self.world.charge_all(period, execution, run)
        return Execution("SUCCEEDED", {"period": str(period), "status": report["status"]})


def by_function(world: World, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do what the function does that is asked for commands with a provider's key; JSON goes there and back."""
    answer: Mapping[str, Any] = serve(
        world.use_cases.money_desk(), json.loads(json.dumps(request)), world.use_cases.acts
    )
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


@dataclass
class Command:
    """The command `monthclose`, connected to a world."""

    world: World
    machine: FakeMachine
    links: LinkSettings | None = None

    @property
    def system(self) -> System:
        """What it works with."""
        log: Any = Notes()
        world = replace(self.world, workflow=self.machine, links=self.links, log=log)
        ask = partial(by_function, world)
        return System(
            world.use_cases,
            "arn:state-machine",
            frozenset({"stripe"}),
            sleep=lambda _seconds: None,
            ask=ask,
            collections="arn:collections",
            packs="arn:packs",
            archive="arn:archive",
        )

    def __call__(self, *arguments: str | Path, exit_code: int = 0) -> Result:
        system = self.system
        result = CliRunner().invoke(app, [str(a) for a in arguments], obj=lambda: system)
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        assert "\x1b" not in result.output
        return result

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        return json.loads(self(*arguments, exit_code=exit_code).stdout)
