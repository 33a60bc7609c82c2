"""What the README tells people to type and to open exists."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

READMES = ("README.md", "Testing/reproduction/README.md")


@pytest.fixture(params=READMES)
def text(request, repository: Path) -> str:
    return (repository / request.param).read_text(encoding="utf-8")


def typed_lines(text: str) -> list[str]:
    """Lines of the shell blocks, continued ones joined and comments left out, and commands within sentences."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S)).replace("\\\n", " ")
    sentences = re.sub(r"```.*?```", "", text, flags=re.S)
    lines = [re.split(r"\s#", line)[0].strip() for line in blocks.splitlines()]
    return [line for line in lines + re.findall(r"`([^`\n]+)`", sentences) if line]


def problem_of(words: list[str]) -> str:
    """Why ``radiologycnn WORDS`` cannot be typed; "" where it can."""
    from radiologycnn.cli import app

    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        name, *words = words
        if name not in command.commands:
            return f"there is no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in known | {"--help"}]
    # A command that is only named, without any word after it, is no example to type.
    needed = [one.opts for one in command.params if words and one.required and one.param_type_name == "option"]
    missing = [options[0] for options in needed if not set(options) & set(words)]
    problems = {"unknown options": unknown, "left out:": missing}
    return "; ".join(f"{what} {', '.join(options)}" for what, options in problems.items() if options)


def test_every_command_exists_with_its_options(text: str) -> None:
    commands = [line.split("radiologycnn ", 1)[1] for line in typed_lines(text) if "radiologycnn " in line]
    assert len(commands) > 3
    problems = {command: problem_of(shlex.split(command)) for command in commands if "…" not in command}
    assert not {command: problem for command, problem in problems.items() if problem}


def test_every_make_target_and_module_exists(text: str, repository: Path) -> None:
    targets = set(re.findall(r"^\.PHONY: (.*)$", (repository / "Makefile").read_text(), re.M)[0].split())
    for line in typed_lines(text):
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        module = re.match(r"python3? -m ([\w.]+)", line)
        if module:
            assert importlib.util.find_spec(module.group(1)), line


def test_every_file_named_exists(text: str, repository: Path) -> None:
    folder = repository if text.startswith("# RadiologyCNN") else repository / "Testing/reproduction"
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("http", "#"))]
    paths = re.findall(r"`((?:Testing|Resources|radiologycnn|RadiologyCNNLib)/[\w./-]+)`", text)
    missing = [name for name in links if not (folder / name).exists()]
    assert missing + [name for name in paths if not (repository / name).exists()] == []


def test_every_section_linked_to_exists(text: str) -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
