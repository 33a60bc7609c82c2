"""NodeRecord: what the panels keep of a result, a box or a view, as JSON in a node's attribute: scenes save it."""

import json
from functools import lru_cache


def readRecord(node, attribute: str) -> dict:
    """The record in a node's attribute; empty without one. Only to read: others get the same one.

    Args:
        node: vtkMRMLNode.
        attribute: its name.
    """
    return _parsed(node.GetAttribute(attribute) or "{}")


def readAs(node, attribute: str, make):
    """What a function makes of the record in a node's attribute, made once as long as the record stays; only to read.

    Args:
        make: function (record: dict) of a module, not one that is made anew at each call.
    """
    return _made(node.GetAttribute(attribute) or "{}", make)


def writeRecord(node, attribute: str, record: dict) -> None:
    """Keep this record (JSON-able) instead of the one before."""
    node.SetAttribute(attribute, json.dumps(record))


def updateRecord(node, attribute: str, **fields) -> None:
    """Keep these fields (JSON-able) in the record as well; the others stay."""
    writeRecord(node, attribute, {**readRecord(node, attribute), **fields})


# A panel asks for the same records dozens of times a click, and at each step of a drag, always for another field.
@lru_cache(maxsize=16)
def _parsed(text: str) -> dict:
    return json.loads(text)


@lru_cache(maxsize=16)
def _made(text: str, make):
    return make(_parsed(text))
