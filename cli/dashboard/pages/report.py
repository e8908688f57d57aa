"""A close's report, the files of its report pack, and what its rehearsal found, without a command."""

import mimetypes
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cli.commands.rehearse import read_rehearsal
from cli.commands.report import report_page
from cli.dashboard.context import Dashboard, NotFoundError, dashboard_of, period_of
from cli.dashboard.rendering import render
from cli.dashboard.states import state_of
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.pack.pack import INDEX
from monthclose.domain.period import Period
from monthclose.ports import Documents
from monthclose.use_cases.pack.pack_page import WHY, size, utc
from monthclose.use_cases.proof.report_pack import current_pack, last_failure
from monthclose.use_cases.rehearsals.rehearsal_page import render_rehearsal

_READ_AT_ONCE = 2**20
_OWN_STYLE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}
"""The report, the rehearsal and the pack's contents are files that need nothing else: their style is in them."""
_PROGRAMS = ".parquet"
_MOST_UNREADABLE = 10


def show(request: Request) -> Response:
    """List what there is of a close: the report, the pack's files, the rehearsal."""
    dashboard, period = dashboard_of(request), period_of(request)
    look = dashboard.looks.at(period)
    if look is None:
        raise NotFoundError(f"{period} has not been closed yet")
    view = look.followed.view
    content = {
        "state": state_of(view),
        "has_report": view.interrupted or dashboard.reports.of(view.close) is not None,
        "running": view.running,
        "has_rehearsal": dashboard.system.ports.rehearsals.get(period) is not None,
        **_pack(dashboard, period),
    }
    return render(request, "report.html.j2", section="closes", period=period, tab="report", **content)


def report(request: Request) -> Response:
    """Show the report's own page."""
    dashboard, period = dashboard_of(request), period_of(request)
    try:
        return _page(report_page(dashboard.system, period))
    except UserMistakeError as error:
        raise NotFoundError(str(error)) from None


def rehearsal(request: Request) -> Response:
    """Show what the newest rehearsal of a month has found, on its own page."""
    dashboard, period = dashboard_of(request), period_of(request)
    found = dashboard.system.ports.rehearsals.get(period)
    if found is None or found.completed_at is None:
        raise NotFoundError(f"{period} has no rehearsal that has ended")
    return _page(render_rehearsal(read_rehearsal(dashboard.system, found)))


def file(request: Request) -> Response:
    """Hand out a file of the pack, piece by piece; only names that the pack lists."""
    dashboard, period, name = dashboard_of(request), period_of(request), request.path_params["name"]
    found = current_pack(dashboard.system.ports.documents, period)
    if found is None or name not in {INDEX, *(listed.name for listed in found.files)}:
        raise NotFoundError(f"the report pack of {period} has no file {name!r}")
    content = _pieces(dashboard.system.ports.documents, found.key_of(name))
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind == "text/html":
        return StreamingResponse(content, media_type=kind, headers=_OWN_STYLE)
    saved_as = f"{period}-{PurePosixPath(name).name}"
    return StreamingResponse(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{saved_as}"'}
    )


def _page(content: bytes) -> Response:
    return Response(content, media_type="text/html", headers=_OWN_STYLE)


def _pack(dashboard: Dashboard, period: Period) -> dict[str, Any]:
    """Say what is in the pack, or why there is none."""
    documents = dashboard.system.ports.documents
    found, failure = current_pack(documents, period), last_failure(documents, period)
    failed = failure if failure and (found is None or found.planned_at < failure.time) else None
    if found is None:
        return {"pack": None, "failure": failed}
    return {
        "pack": found,
        "failure": failed,
        "made": f"{WHY[found.made_for]}, {utc(found.made_at)}; records as of {utc(found.planned_at)}",
        "outdated": dashboard.system.use_cases.pack_planner.is_outdated(period),
        "people": [file for file in found.files if not file.name.endswith(_PROGRAMS)],
        "programs": [file for file in found.files if file.name.endswith(_PROGRAMS)],
        "unreadable": found.unreadable[:_MOST_UNREADABLE],
        "unreadable_left_out": found.unreadable_in_all - len(found.unreadable[:_MOST_UNREADABLE]),
        "size": size,
    }


def _pieces(documents: Documents, key: str) -> Iterator[bytes]:
    offset = 0
    while piece := documents.get_slice(key, offset, _READ_AT_ONCE):
        yield piece
        offset += len(piece)


ROUTES = (
    Route("/closes/{period}/report", show),
    Route("/closes/{period}/report.html", report),
    Route("/closes/{period}/rehearsal.html", rehearsal),
    Route("/closes/{period}/pack/{name:path}", file),
)
