"""How typed parameters are kept as text and references in a parameter node, and what annotations check.

Values are written as Slicer's parameterNodeWrapper writes them, so that a scene saved here reads there.
"""

import dataclasses
import enum
import json
import pathlib
import types
import typing


@dataclasses.dataclass
class Default:
    value: object


@dataclasses.dataclass
class Decimals:
    value: int


@dataclasses.dataclass
class SingleStep:
    value: float


@dataclasses.dataclass
class Minimum:
    minimum: float

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}: got {value}")


@dataclasses.dataclass
class Maximum:
    maximum: float

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}: got {value}")


@dataclasses.dataclass
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within [{self.minimum}, {self.maximum}]: got {value}")


class NotNone:
    def validate(self, value):
        if value is None:
            raise ValueError("Value cannot be None")


class Choice:
    def __init__(self, choices):
        self.choices = list(choices)

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}: got {value!r}")


class Exclude:
    def __init__(self, excludedValues):
        self.excludedValues = list(excludedValues)

    def validate(self, value):
        if value in self.excludedValues:
            raise ValueError(f"Value must not be one of {self.excludedValues}")


def split_annotations(kind):
    """Type and annotations of an Annotated type."""
    if typing.get_origin(kind) is typing.Annotated:
        plain, *annotations = typing.get_args(kind)
        return plain, annotations
    return kind, []


def without_none(kind):
    """T of ``T | None``; else the type itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(kind) if part is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return kind


def is_node_type(kind) -> bool:
    """True for an MRML node class, or a union of such."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return all(part is type(None) or is_node_type(part) for part in typing.get_args(kind))
    return isinstance(kind, type) and any(base.__name__ == "vtkMRMLNode" for base in kind.__mro__)


PLAIN = {int: 0, float: 0.0, str: "", bool: False}


class Parameter:
    """One typed field: reads and writes itself in a parameter node, and checks what is written."""

    def __init__(self, name, annotated_type, default):
        self.name, self.annotated_type = name, annotated_type
        kind, self.annotations = split_annotations(annotated_type)
        self.optional = without_none(kind) is not kind
        self.kind = kind if is_node_type(kind) else without_none(kind)
        container = typing.get_origin(self.kind) or self.kind
        self.container = container if container in (list, tuple, dict) else None
        is_enum = isinstance(self.kind, type) and issubclass(self.kind, enum.Enum)
        is_path = isinstance(self.kind, type) and issubclass(self.kind, pathlib.PurePath)
        if not (self.kind in PLAIN or is_node_type(self.kind) or is_enum or is_path or self.container):
            raise TypeError(f"Unable to create serializer for parameter {name} of type {annotated_type}")
        self.is_enum, self.is_path, self.is_node = is_enum, is_path, is_node_type(self.kind)
        given = [note.value for note in self.annotations if isinstance(note, Default)]
        self.default = default if default is not None else given[0] if given else self._zero()
        self.validate(self.default)

    def _zero(self):
        choices = self.annotation(Choice)
        if choices is not None:
            return choices.choices[0]
        if self.is_node or self.optional:
            return None
        if self.is_enum:
            return next(iter(self.kind))
        if self.is_path:
            return self.kind()
        if self.container:
            return self.container()
        lowest = self.annotation(WithinRange) or self.annotation(Minimum)
        zero = PLAIN[self.kind]
        return self.kind(max(zero, lowest.minimum)) if lowest is not None else zero

    def annotation(self, cls):
        return next((note for note in self.annotations if isinstance(note, cls)), None)

    def validate(self, value):
        for note in self.annotations:
            if hasattr(note, "validate"):
                note.validate(value)
        if self.is_node:
            names = [part.__name__ for part in typing.get_args(self.kind) or (self.kind,) if part is not type(None)]
            if value is not None and not any(value.IsA(name) for name in names):
                raise TypeError(f"Parameter {self.name} must be a {' or '.join(names)}: got {value.GetClassName()}")
        elif value is None and not self.optional:
            raise TypeError(f"Parameter {self.name} of type {self.kind} cannot be None")
        elif value is not None and self.kind in (int, float) and isinstance(value, (str, bytes)):
            raise TypeError(f"Parameter {self.name} must be a number: got {value!r}")
        elif value is not None and (self.kind in (str, bool) or self.is_enum) and not isinstance(value, self.kind):
            raise TypeError(f"Parameter {self.name} must be {self.kind.__name__}: got {value!r}")

    def is_in(self, node) -> bool:
        return bool(node.HasParameter(self.name))

    def write(self, node, value) -> None:
        self.validate(value)
        if self.is_node:
            node.SetParameter(self.name, "")  # None is a value, too
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        elif value is None:
            node.SetParameter(self.name, "None")
        elif self.is_enum:
            node.SetParameter(self.name, value.name)
        elif self.container:
            node.SetParameter(self.name, json.dumps(value))
        else:
            node.SetParameter(self.name, str(self.kind(value)))

    def read(self, node):
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if not text and not self.is_in(node):
            self.write(node, self.default)
            text = node.GetParameter(self.name)
        if self.optional and text == "None":
            return None
        if self.is_enum:
            return self.kind[text]
        if self.container:
            return self.container(json.loads(text))
        if self.kind is bool:
            return text == "True"
        return self.kind(text)
