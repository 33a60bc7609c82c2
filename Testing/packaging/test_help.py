"""What ``--help`` shows is all that was written, in full lines: Rich takes "[words]" for markup and leaves them out."""

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from radiologycnn.cli import app


def commands(command=None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every command and group of commands, with the words that call it."""
    command = command or typer.main.get_command(app)
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))


def test_no_help_loses_words_in_square_brackets() -> None:
    text = pytest.importorskip("rich.text").Text
    written = {
        (*words, name): help_text
        for words, command in commands()
        for name, help_text in [("", command.help), *((p.name, getattr(p, "help", None)) for p in command.params)]
        if help_text
    }
    assert len(written) > 100
    lost = {where: one for where, one in written.items() if text.from_markup(one).plain != one.replace("\\[", "[")}
    assert not lost


def test_defaults_in_words_are_shown() -> None:
    for words, shown in (
        (("simulate", "shoulder-mr"), ("by the plane", "as in Shim 2020")),
        (("simulate", "gates", "head-ct"), ("the one that comes with the program",)),
    ):
        done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "300"})
        assert all(one in done.output for one in shown)


def test_help_fills_the_lines_of_the_terminal() -> None:
    """Typer breaks a paragraph after the first where its source does."""

    def texts(application):
        for group in application.registered_groups:
            yield from texts(group.typer_instance)
        yield from (command.help for command in application.registered_commands)

    found = list(texts(app))
    assert len(found) > 20 and not any("\n" in text.replace("\n\n", "") for text in found)
