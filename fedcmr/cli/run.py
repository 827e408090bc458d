"""How every command ends: an exit code, and one line when something is wrong."""

import logging
import os
import signal
import sys
from typing import Annotated, NoReturn

import click
import typer
from rich.console import Console
from rich.logging import RichHandler

import fedcmr
from fedcmr.cli.say import say
from fedcmr.errors import FedcmrError

USAGE, INTERRUPTED, TERMINATED = 2, 130, 143


def run(app: typer.Typer) -> NoReturn:
    """Run a command line and leave the process with its exit code.

    FedcmrError becomes one line on stderr; SIGTERM ends cleanly with 143, Ctrl-C with 130. Set
    FEDCMR_TRACEBACK=1 to see where an error came from.
    """
    if len(app.registered_commands) > 1:  # a single command would have to be named before its words
        app.callback(help=app.info.help)(_options)
    end_on_sigterm(TERMINATED)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _log_events()
    try:
        code = app(standalone_mode=False)
    except FedcmrError as error:
        if os.environ.get("FEDCMR_TRACEBACK") == "1":
            raise
        _say(str(error))
        code = error.exit_code
    except OSError as error:
        if os.environ.get("FEDCMR_TRACEBACK") == "1" or error.filename is None:
            raise
        _say(f"{error.strerror} ({error.filename}); check path, owner and free space")
        code = FedcmrError.exit_code
    except click.ClickException as error:
        if error.format_message():  # none where the help was asked for by giving nothing
            _say(error.format_message())
        code = USAGE
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def end_on_sigterm(code: int) -> None:
    """Make SIGTERM leave the process with `code`, through every open context."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(code))


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(fedcmr.__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and end."
        ),
    ] = False,
) -> None:
    """Take the options that every command line has."""


def _say(line: str) -> None:
    say(f"error: {line}", stderr=True)


def _log_events() -> None:
    """One line per event: coloured on a terminal, plain with a time stamp otherwise."""
    log = logging.getLogger("fedcmr")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers.clear()
    if sys.stderr.isatty():
        log.addHandler(RichHandler(console=Console(stderr=True), show_path=False))
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
