"""The command ``quanwang``, and ``python -m quanwang``: heeds Ctrl-C from its first moment on."""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line. Ctrl-C ends it at once and in silence, until a command has something of its own to end.

    An exception would not do: it comes up inside an import, or inside a compiler that swallows it.
    """
    signal.signal(signal.SIGINT, _leave)
    from quanwang.cli import main as run

    run()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
