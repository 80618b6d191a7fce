"""Turns into another program that ends with the supervisor: ``python -m quanwang.processes.attached PROGRAM ...``."""

import os
import sys

from quanwang.processes.children import PARENT_ID_VARIABLE
from quanwang.processes.lifeline import end_with_parent


def main() -> None:
    """Bind this process to its parent and replace it by the program; the binding survives that."""
    parent = os.environ.get(PARENT_ID_VARIABLE)
    end_with_parent(int(parent) if parent else None)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # the supervisor's own command


if __name__ == "__main__":
    main()
