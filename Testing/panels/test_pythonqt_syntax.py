"""Keywords in calls of Qt: PySide6 understands them, PythonQt refuses each. Looked for in the panels' sources."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("HemorrhageSeg", "RotatorCuffCNN", "RadiologyCNNLib")
#: A Qt class or a widget at the head of an expression, as the panels write them.
OF_QT = re.compile(r"(qt|ctk|ui|self\.ui|self\._timer)\.\w")


def callsWithKeywords(source: str) -> list:
    """Calls of a Qt class or of a widget's method that pass something by name."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.keywords]
    return [ast.unparse(call) for call in calls if OF_QT.match(ast.unparse(call.func))]


def testSuchCallsAreFound():
    assert callsWithKeywords("qt.QLabel(text='a')") and callsWithKeywords("self.ui.table.sortItems(1, order=up)")
    assert not callsWithKeywords("qt.QLabel('a', parent)\nself.inputs.show(deviceId=1)\n")


@pytest.mark.parametrize("folder", FOLDERS)
def testPanelsPassNothingToQtByName(folder):
    files = sorted((REPOSITORY / folder).rglob("*.py"))
    assert files
    found = {str(file.relative_to(REPOSITORY)): callsWithKeywords(file.read_text(encoding="utf-8")) for file in files}
    assert {name: calls for name, calls in found.items() if calls} == {}
