"""`monthclose dashboard`: serve the dashboard until Ctrl-C."""

import webbrowser

import typer

from cli.connect import connected
from cli.console import note, print_json, say
from cli.dashboard.access import Access
from cli.dashboard.app import create_app
from cli.dashboard.context import Dashboard
from cli.dashboard.serving import listen, server_of


def dashboard(ctx: typer.Context, port: int | None, by: str, *, operate: bool, in_browser: bool, in_json: bool) -> None:
    """Serve the dashboard."""
    system, access = connected(ctx), Access()
    app = create_app(Dashboard(system, by=by, operate=operate), access)
    with listen(port) as sock:
        address = f"http://127.0.0.1:{sock.getsockname()[1]}{access.entrance}"
        if in_json:
            print_json({"url": address, "operate": operate})
        else:
            say(f"the dashboard is at {address}", "bold")
            note(_mode(by, operate=operate) + "; Ctrl-C ends it")
        if in_browser:
            webbrowser.open(address)
        try:
            server_of(app).run(sockets=[sock])
        except KeyboardInterrupt:  # the way to end it
            note("the dashboard has ended", "")


def _mode(by: str, *, operate: bool) -> str:
    return f"what is done there is done by {by}" if operate else "it only reads; --operate lets it change something"
