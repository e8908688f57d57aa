"""The command over a world in memory, and what stands in for the state machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.main import app
from cli.system import Execution, System
from monthclose.adapters.tax_ids import check_tax_id
from monthclose.domain.period import Period
from monthclose.settings import LinkSettings
from tests.world import SETTINGS, World

EXECUTION = "arn:execution"


@dataclass
class FakeMachine:
    """Runs a whole close when it is asked how an execution stands for the second time."""

    world: World
    started: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    end: Execution | None = None
    on_look: Callable[[int], None] = lambda _look: None
    looks: int = 0
    stopped: list[tuple[str, str]] = field(default_factory=list)

    def stop(self, execution: str, cause: str) -> None:
        self.stopped.append((execution, cause))
        self.world.workflow.running.discard(execution)

    def start(self, name: str, request: dict[str, str]) -> str:
        self.started.append((name, request))
        return EXECUTION

    def describe(self, execution: str) -> Execution:
        self.looks += 1
        self.on_look(self.looks)
        if self.end:
            return self.end
        if self.looks == 1:
            return Execution("RUNNING")
        period = Period.parse(self.started[-1][1]["period"])
        report = self.world.close(period, execution)
        return Execution("SUCCEEDED", {"period": str(period), "status": report["status"]})


@dataclass
class Command:
    """The command `monthclose`, connected to a world."""

    world: World
    machine: FakeMachine
    links: LinkSettings | None = None

    @property
    def system(self) -> System:
        """What it works with."""
        world = self.world
        return System(
            books=world.books,
            closes=world.closes,
            directory=world.directory,
            usage=world.usage,
            price_books=world.price_books,
            tax_tables=world.tax_tables,
            check_tax_id=check_tax_id,
            documents=world.documents,
            issued=world.issued,
            workflow=world.workflow,
            clock=world.clock,
            settings=replace(SETTINGS, providers=world.providers, links=self.links),
            gateways=world.comparer.gateways,
            mailer=lambda: world.mailer,
            dead_letters=lambda _url: world.letters,
            machine=self.machine,
            limits=world.limits,
            providers=world.providers,
            adapters=frozenset({"stripe"}),
            link_secrets=world.link_secrets,
            policy=world.policy,
            cashier=world.cashier,
            holds=world.desk,
            drafter=world.drafter,
            corrector=world.corrector,
            regenerator=world.regenerator,
            sleep=lambda _seconds: None,
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
