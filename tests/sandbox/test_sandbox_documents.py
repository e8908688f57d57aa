"""What docs/sandbox.md says is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from starlette.routing import Route

from sandbox.chaos.faults import Fault
from sandbox.chaos.plan import REVERSALS, Plan, read_plan
from sandbox.desk import Desk
from sandbox.gocardless.controls import ROUTES as GOCARDLESS_ROUTES
from sandbox.mounts import ENDPOINTS, make_providers
from sandbox.stripe.controls import CONTROLS, SETTINGS
from sandbox.web.server import create_app

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_the_plan_in_the_documentation_is_valid_and_has_every_entry() -> None:
    ((_, toml),) = re.findall(r"^```(toml)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    # `seconds` is shown for all faults, where it has a meaning for two.
    plan = read_plan(tomllib.loads(toml.replace('"reset"', '"hang"', 1)), ENDPOINTS)
    assert all([plan.rules, plan.outages, plan.limits, plan.webhooks, plan.reversals])
    shown = Plan(0, plan.rules, plan.outages, plan.limits, plan.webhooks, plan.reversals).to_json()
    assert all(shown["reversals"]["gocardless"].get(kind) for kind in REVERSALS["gocardless"])
    for entry in (shown["rules"][0], *shown["limits"].values(), *shown["webhooks"].values()):
        for name in entry:
            assert re.search(rf"^{name} = ", toml, re.MULTILINE), name


def test_every_fault_is_documented() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == [*Fault]


def test_every_control_route_is_documented() -> None:
    routes = create_app(make_providers(Desk())).routes
    control = {
        (route.path.removeprefix("/_sandbox/"), method)
        for route in routes
        if isinstance(route, Route) and route.path.startswith("/_sandbox/") and ":path" not in route.path
        for method in (route.methods or set()) - {"HEAD"}
    }
    control |= {(f"stripe/{'/{id}/'.join(filter(None, place))}", "POST") for place in CONTROLS}
    control |= {(f"gocardless/{path}", method) for method, path in GOCARDLESS_ROUTES}
    control.add((f"stripe/{SETTINGS}", "POST"))
    documented = set()
    for cell in re.findall(r"^\| (`[A-Z].*?`) \|", TEXT, re.MULTILINE):
        *methods, last = [word.strip("`") for word in cell.split(", ")]
        method, path = last.split(" ")
        documented |= {(path, found) for found in (*methods, method)}
    assert documented == control
