"""``python -m quanwang`` is the command ``quanwang``."""

from quanwang.cli import main

main()
