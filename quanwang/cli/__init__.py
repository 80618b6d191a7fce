"""The command ``quanwang``. Expected errors are one sentence on stderr: exit status 2 for bad input, 1 for the rest."""

import os
import sys
import tempfile
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import typer

from kit.errors import InvalidInput, QuanwangError
from quanwang.cli.api_key import api_key_app
from quanwang.cli.chaos import chaos
from quanwang.cli.cluster import cluster_app
from quanwang.cli.diagnostics import add_diagnostics_commands
from quanwang.cli.disk import sentence_of_disk
from quanwang.cli.installation import add_installation_commands
from quanwang.cli.match import match
from quanwang.cli.options import folder_in_use
from quanwang.cli.policy import policy_app
from quanwang.cli.processes import add_process_commands
from quanwang.cli.simulate import simulate
from quanwang.cli.taxonomy import taxonomy_app
from quanwang.cli.up import up

BAD_INPUT = 2
FAILED = 1
UNEXPECTED = 70
INTERRUPTED = 130
COMMANDS = "quanwang.commands"

app = typer.Typer(
    name="quanwang",
    help=(
        "Sends every approved order to every user who qualifies for it: first to those who satisfy all of its key"
        " information, then, when nobody takes it, to those who satisfy part of it.\n\n"
        "Start with: quanwang up"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up", rich_help_panel="Run")(up)
app.command("match", rich_help_panel="Match files")(match)
app.command("chaos", rich_help_panel="Prove")(chaos)
app.add_typer(cluster_app, name="cluster", rich_help_panel="Run")
app.command("simulate", rich_help_panel="Prove")(simulate)
add_diagnostics_commands(app)
add_process_commands(app)
add_installation_commands(app)
app.add_typer(api_key_app, name="api-key", rich_help_panel="Administer")
app.add_typer(policy_app, name="policy", rich_help_panel="Administer")
app.add_typer(taxonomy_app, name="taxonomy", rich_help_panel="Administer")


def _add_commands_of_higher_packages() -> None:
    """Packages above this one say in the project's metadata what they add. They import this package, so it must be
    whole by then.
    """
    for point in entry_points(group=COMMANDS):
        app.add_typer(point.load(), name=point.name, rich_help_panel="Measure")


def main() -> None:
    """Run the command line and leave with its exit status; no trace reaches a terminal."""
    try:
        _add_commands_of_higher_packages()
        app()
    except QuanwangError as error:
        print(f"quanwang: {error.sentence}", file=sys.stderr)
        sys.exit(BAD_INPUT if isinstance(error, InvalidInput) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; there is nobody left to tell.
        os._exit(FAILED)
    except Exception as error:  # noqa: BLE001  # a bug: the person gets a sentence, the developer gets the file
        sentence = sentence_of_disk(error, folder_in_use.get())
        if sentence is not None:
            print(f"quanwang: {sentence}", file=sys.stderr)
            sys.exit(FAILED)
        kept = _keep_trace()
        print(f"quanwang: unexpected {type(error).__name__}: {error}; the details are in {kept}", file=sys.stderr)
        sys.exit(UNEXPECTED)


def _keep_trace() -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="quanwang-", suffix=".trace", delete=False) as file:
        traceback.print_exc(file=file)
    return Path(file.name)
