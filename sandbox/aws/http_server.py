"""MiniStack's HTTP, served by uvicorn.

Hypercorn, which MiniStack 1.5.33 starts, takes 0.8 ms of CPU for a request and its answer, uvicorn 0.3 ms (*measured*
with an application that does nothing; MiniStack itself takes 0.2 ms for a call of DynamoDB). The emulator is one
process, and a close asks it some forty times for each customer.
"""

import signal
from typing import Any

import hypercorn.asyncio
import uvicorn

_KEEP_ALIVE_SECONDS = 75
"""As MiniStack has it: workers keep their connections from one call to the next."""
_LAST_ANSWERS_SECONDS = 3


async def serve(app: Any, config: Any, **_: object) -> None:
    """Serve an application until SIGTERM or SIGINT, as Hypercorn's `serve` does.

    Parameters
    ----------
    config : hypercorn.config.Config
        Only the first address that it binds counts: the others are for HTTPS, which a local AWS has none of.
    """
    host, _, port = config.bind[0].rpartition(":")
    settings = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        ws="none",
        lifespan="on",
        log_level=str(config.loglevel).lower(),
        access_log=False,
        date_header=False,  # MiniStack adds it
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
    )
    # uvicorn ends at these signals and then raises them again for the handlers it found: MiniStack has yet to clean up.
    for asked_to_end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_end, lambda _number, _frame: None)
    await uvicorn.Server(settings).serve()


def serve_with_uvicorn() -> None:
    """Let MiniStack's `main` find this server where it looks for Hypercorn's."""
    hypercorn.asyncio.serve = serve
