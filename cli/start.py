"""Where the command starts: Ctrl-C ends it without a traceback even while it is still being loaded."""

import signal
import sys


def main() -> None:
    """Load the command and run it."""
    try:
        from cli.main import main as run  # noqa: PLC0415 - so that the loading can be interrupted, too

        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever presses it again while it ends gets no traceback
