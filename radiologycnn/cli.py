"""The ``radiologycnn`` command: one verb a file in ``radiologycnn.commands``, gathered here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys

import typer

from radiologycnn import __version__, commands
from radiologycnn.errors import DISK_FULL, Cancelled, RadiologyCNNError
from radiologycnn.file_names import use_utf8_file_names
from radiologycnn.terminal import print_any_character

EXIT_FAILED = 1
EXIT_CANCELLED = 130

app = typer.Typer(
    help="3D CNNs for radiology: segment bleeds on head CT, classify rotator cuff tears on shoulder MRI.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def _let_help_flow(commands_of: typer.Typer) -> None:
    """Let help fill the terminal's lines: those of a docstring end where the source's do."""
    for command in commands_of.registered_commands:
        paragraphs = (command.help or inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in commands_of.registered_groups:
        if group.typer_instance is not None:
            _let_help_flow(group.typer_instance)


for _module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"radiologycnn.commands.{_module.name}").register(app)
_let_help_flow(app)


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 refused or failed (a sentence on stderr), 2 wrong usage, 130 stopped.
    """
    use_utf8_file_names()
    print_any_character()
    try:
        app()
    except Cancelled as error:
        typer.echo(error.message, err=True)
        sys.exit(EXIT_CANCELLED)
    except RadiologyCNNError as error:
        typer.echo(f"Error: {error.message}", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if error.filename is None and error.errno in DISK_FULL:  # written to a file that was open already
            typer.echo("Error: There is no space left on the disk.", err=True)
            typer.echo("  Free some space, then run the command again.", err=True)
            sys.exit(EXIT_FAILED)
        if error.filename is None or isinstance(error, BrokenPipeError):
            raise
        typer.echo(f"Error: {error.filename}: {error.strerror}.", err=True)
        typer.echo("  Check the path, your rights on it and the space on the disk.", err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
