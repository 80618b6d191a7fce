"""The offline door ``quanwang match``: two files in, one file out, without any server.

Exit status: 3 when some lines were refused (each is told on stderr as ``FILE:LINE: reason``) and the others matched; a
file that cannot be used ends the run with status 1 and leaves no output behind.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kit.errors import QuanwangError
from quanwang.processes.kernel_cache import use_kernel_cache
from quanwang.processes.kernels import are_warm

UNUSABLE_FILE = 1
SOME_LINES_REFUSED = 3


def match(
    profiles: Annotated[Path, typer.Option(help="JSON lines, one profile a line (.gz: compressed).")],
    orders: Annotated[Path, typer.Option(help="JSON lines, one order a line (.gz: compressed).")],
    out: Annotated[Path, typer.Option(help="Where the answers go, one line an order; appears whole or not at all.")],
    regions: Annotated[Path | None, typer.Option(help="CSV with code, parent, name, in place of GB/T 2260.")] = None,
    industries: Annotated[Path | None, typer.Option(help="CSV with code, parent, name, in place of GB/T 4754.")] = None,
    synonyms: Annotated[
        Path | None, typer.Option(help="Lines of equivalent terms, separated by commas or tabs.")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=64, help="In how many shards the profiles are held.")] = 2,
    *,
    full_set: Annotated[
        bool, typer.Option("--full-set", help="Also write the ids of everybody in the full tier, whatever the limit.")
    ] = False,
) -> None:
    """Match a file of profiles with a file of orders.

    Exit status: 0 all matched; 1 a file cannot be used, nothing written; 3 some lines were refused (see stderr), the
    others matched.
    """
    # The kernels that `quanwang up` compiled here are used; a data folder is not begun for the sake of a cache.
    kernels = Path(os.environ.get("QUANWANG_DATA_DIR") or ".quanwang").absolute() / "kernels"
    use_kernel_cache([kernels] if are_warm(kernels) else [])
    from quanwang.cli.offline_door import match_files

    try:
        refused = match_files(profiles, orders, out, regions, industries, synonyms, shards, full_set=full_set)
    except QuanwangError as error:
        print(f"quanwang match: {error.sentence}", file=sys.stderr)
        raise typer.Exit(UNUSABLE_FILE) from error
    if refused:
        raise typer.Exit(SOME_LINES_REFUSED)


if __name__ == "__main__":
    typer.run(match)
