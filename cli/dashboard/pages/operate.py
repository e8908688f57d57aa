"""The pages of `--operate`: an act is asked for, confirmed with the numbers that it touches, and done once."""

import hashlib
import hmac
import secrets
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cli.dashboard.acts import ACTS
from cli.dashboard.acts.act import Act, Given, Plan
from cli.dashboard.context import Dashboard, NotFoundError, dashboard_of
from cli.dashboard.rendering import render
from monthclose.domain.errors import UserMistakeError

_LONGEST = 100_000
"""Bytes of a field: the list of the customers to close again is the longest."""
_MOST_FIELDS = 20
_MOST_CLOSES = 12


def index(request: Request) -> Response:
    """List what can be done, and about what."""
    dashboard = _operated(request)
    limits = dashboard.system.ports.limits
    content: dict[str, Any] = {
        "closes": dashboard.system.ports.closes.all()[:_MOST_CLOSES],
        "providers": {name: limits.state(name).paused for name in sorted(dashboard.system.ports.settings.providers)},
        "customer": request.query_params.get("customer", ""),
    }
    return render(request, "operate.html.j2", section="operate", **content)


def ask(request: Request) -> Response:
    """Show an act's form. Where only a reason is asked for, it has the numbers already."""
    dashboard, act = _operated(request), _act(request)
    given = {act.about: request.query_params.get(act.about, "")}
    return _page(request, act, given, act.plan(dashboard, given) if act.asks_only_why else None)


async def answer(request: Request) -> Response:
    """Take a form."""
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_LONGEST)
    request.app.state.access.check_form(form)
    given = {name: str(value) for name, value in form.items()}
    return await run_in_threadpool(_answered, request, given)


def _answered(request: Request, given: Given) -> Response:
    """Show what a form would do or, once that was confirmed as it still is, do it."""
    dashboard, act = _operated(request), _act(request)
    plan = None
    try:
        plan = act.plan(dashboard, given) if act.asks_only_why else None
        _check_filled_in(act, given)
        plan = plan or act.plan(dashboard, given)
    except UserMistakeError as error:
        return _page(request, act, given, plan, error=str(error))
    seal = given.get("confirmed", "")
    if not seal:
        return _page(request, act, given, plan, filled_in=True)
    if not hmac.compare_digest(seal.encode(), _seal(plan).encode()):
        return _page(request, act, given, plan, filled_in=True, changed=True)
    if not dashboard.once.take(given.get("ticket", "")):
        return _lead_on(dashboard, act, given, "That has been done already. It was not done again.")
    try:
        said = plan.do()
    except UserMistakeError as error:
        return _page(request, act, given, plan, error=str(error))
    finally:
        dashboard.looks.forget()
    return _lead_on(dashboard, act, given, said)


def _check_filled_in(act: Act, given: Given) -> None:
    missing = [field.label for field in act.fields if field.required and not given.get(field.name, "").strip()]
    if missing:
        raise UserMistakeError(f"Please fill in: {', '.join(missing)}")


def _lead_on(dashboard: Dashboard, act: Act, given: Given, said: str) -> Response:
    back = act.back(given)
    return RedirectResponse(f"{back}{'&' if '?' in back else '?'}said={dashboard.said.keep(said)}", 303)


def _page(
    request: Request,
    act: Act,
    given: Given,
    plan: Plan | None,
    *,
    error: str = "",
    filled_in: bool = False,
    changed: bool = False,
) -> Response:
    """Show an act: its form, or what was filled in, and what it would do if that is known."""
    content: dict[str, Any] = {
        "act": act,
        "given": given,
        "plan": plan,
        "error": error,
        "filled_in": filled_in,
        "changed": changed,
        "title": act.title.format(given.get(act.about, "")),
        "seal": _seal(plan) if plan else "",
        "ticket": secrets.token_urlsafe() if plan else "",
        "back": act.back(given),
    }
    return render(request, "act.html.j2", 422 if error else 200, section="operate", **content)


def _seal(plan: Plan) -> str:
    """Name in short what was confirmed."""
    return hashlib.sha256(plan.confirmed.encode()).hexdigest()


def _act(request: Request) -> Act:
    act = ACTS.get(request.path_params["act"])
    if act is None:
        raise NotFoundError("there is no such act")
    return act


def _operated(request: Request) -> Dashboard:
    """Refuse to change anything unless the dashboard was started for that.

    Raises
    ------
    UserMistakeError
        It only reads.
    """
    dashboard = dashboard_of(request)
    if not dashboard.operate:
        raise UserMistakeError("this dashboard only reads: start it with `monthclose dashboard --operate`")
    return dashboard


ROUTES = (
    Route("/operate", index),
    Route("/operate/{act}", ask),
    Route("/operate/{act}", answer, methods=["POST"]),
)
