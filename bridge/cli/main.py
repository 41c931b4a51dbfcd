"""The `call-bridge` command: its global options, and the one place where errors become words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge import __version__
from bridge.cli import exits
from bridge.cli.errors import explain
from bridge.cli.exits import Exit
from bridge.cli.on_demand import Commands
from bridge.dumps import forbid_dumps
from bridge.logs import set_up_logs

app = typer.Typer(
    name="call-bridge",
    cls=Commands,
    help="Masked calls on the shop's own Asterisk: managers dial order codes, numbers stay sealed.",
    epilog=exits.as_help(),
    pretty_exceptions_enable=False,  # they print local variables, and one could hold a number
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"call-bridge {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="CALL_BRIDGE_CONFIG",
            help="The configuration; by default ./config.yaml, then /etc/call-bridge/config.yaml.",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = config


def main() -> None:
    """The console script."""
    forbid_dumps()
    # What libraries have to say quotes what they were handed; their records are logged without their text.
    set_up_logs("warning", "auto")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        return app(list(arguments), prog_name="call-bridge", standalone_mode=False) or Exit.DONE
    except Exception as error:  # whatever it is: no traceback reaches a user
        explanation = explain(error)
        if explanation.message:
            typer.echo(explanation.message, err=True)
        return explanation.exit_code
