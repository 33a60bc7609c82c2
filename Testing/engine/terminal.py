"""``radiologycnn`` as in a terminal, but in this process: it need not import everything each time."""

from typer.testing import CliRunner

from radiologycnn.cli import app


def output_of(*words: object) -> str:
    """What the command of these words prints; its errors are raised as they are."""
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False, standalone_mode=False).output
