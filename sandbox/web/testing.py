"""The sandbox inside a test's own process, over real HTTP."""

import contextlib
import threading
from collections.abc import Iterator, Mapping

from sandbox.desk import Desk
from sandbox.web.server import HOST, Server, create_app, listen
from sandbox.wire import Provider


@contextlib.contextmanager
def serving(providers: Mapping[str, Provider], desk: Desk | None = None) -> Iterator[str]:
    """Serve providers from a thread for as long as the context lasts; the value is the base URL.

    Parameters
    ----------
    providers : Mapping[str, Provider]
        Each by the prefix of its paths, as in ``{"/v1": StripeSandbox()}``.
    desk : Desk, optional
        The one that the providers were made for, if they are to misbehave or to send webhooks.
    """
    listener = listen()
    ready = threading.Event()
    server = Server(create_app(providers, desk), ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(timeout=30):
            raise RuntimeError("the sandbox did not start within 30 s")
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
