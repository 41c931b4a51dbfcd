"""`call-bridge serve` and `check-config`: what a service manager runs."""

from __future__ import annotations

import gc

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json
from bridge.cli.session import config_path
from bridge.config import ConfigError, load_config


def serve(context: typer.Context) -> None:
    """Run the daemon: it decides, places calls, and answers the other commands. SIGTERM and Ctrl-C end it.

    A daemon without usable keys runs, says so in its log, and places no call.
    """
    gc.disable()  # until the daemon has begun: what is imported is no garbage, and to look for some is slow
    # Imported here, for it imports all of call-bridge, which no other command needs.
    from bridge.api.server import SocketInUse  # noqa: PLC0415
    from bridge.daemon import NotStarted, run  # noqa: PLC0415

    # What is loaded stays: before it serves, the daemon looks for garbage among what it has made alone.
    gc.freeze()
    path = config_path(context)
    try:
        exit_code = run(path)
    except (NotStarted, SocketInUse) as error:
        raise CommandFailed(Exit.NOT_STARTED, f"The daemon did not start: {error}.") from None
    except OSError as error:
        raise CommandFailed(Exit.NOT_STARTED, f"The daemon could not run: {error}.") from None
    raise typer.Exit(exit_code)


def check_config(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the configuration: print "ok", or every fault with its line."""
    path = config_path(context)
    try:
        load_config(path)
    except ConfigError as error:
        if not as_json:
            raise
        faults = [
            {"file": str(each.path), "line": each.line, "key": each.key, "message": each.message}
            for each in error.problems
        ]
        print_json({"ok": False, "problems": faults})
        raise typer.Exit(Exit.CONFIG) from None
    if as_json:
        print_json({"ok": True, "problems": []})
    else:
        typer.echo("ok")
