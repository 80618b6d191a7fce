"""``quanwang taxonomy``: the trees of regions and industries."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quanwang.cli.options import DataDir, settings_from

taxonomy_app = typer.Typer(help="Show and replace the trees of regions and industries.", no_args_is_help=True)


class TreeName(StrEnum):
    """Which tree a file replaces."""

    REGIONS = "regions"
    """GB/T 2260."""
    INDUSTRIES = "industries"
    """GB/T 4754."""


@taxonomy_app.command("import")
def import_tree(
    tree: Annotated[TreeName, typer.Argument(help="Which tree the file replaces.")],
    file: Annotated[Path, typer.Argument(help="CSV with the columns code, parent, name at least, rows in any order.")],
    data_dir: DataDir = None,
) -> None:
    """Check a CSV file and use it as the tree from the next start on. Only the listed codes are known afterwards."""
    from matching.taxonomy import load_tree
    from quanwang.processes.storage import tree_file

    settings = settings_from(data_dir)
    loaded = load_tree(file, "region" if tree is TreeName.REGIONS else "industry")
    target = tree_file(settings, tree.value)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_suffix(".new")
    shutil.copyfile(file, staging)
    staging.replace(target)
    Console(stderr=True).print(
        f"{len(loaded):,} {tree.value} will be used from the next start on ({target}).", highlight=False
    )


@taxonomy_app.command("show")
def show(data_dir: DataDir = None) -> None:
    """Say which trees are in use and how many nodes they have."""
    from quanwang.processes.storage import taxonomy_of, tree_file

    settings = settings_from(data_dir)
    taxonomy = taxonomy_of(settings)
    for name, tree in (("regions", taxonomy.regions), ("industries", taxonomy.industries)):
        path = tree_file(settings, name)
        print(f"{name}: {len(tree):,} nodes, {path if path.is_file() else 'built in'}")
