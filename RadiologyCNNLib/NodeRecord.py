"""NodeRecord: what a result keeps beside its nodes, as JSON in an attribute of one of them, so that scenes save it."""

import json
from functools import lru_cache


def readRecord(node, attribute: str) -> dict:
    """The record in a node's attribute; empty without one. Only to read: others get the same one.

    Args:
        node: vtkMRMLNode.
        attribute: its name.
    """
    return _parsed(node.GetAttribute(attribute) or "{}")


def updateRecord(node, attribute: str, **fields) -> None:
    """Keep these fields (JSON-able) in the record as well; the others stay."""
    node.SetAttribute(attribute, json.dumps({**readRecord(node, attribute), **fields}))


# A panel asks for the same record dozens of times a click, each time for another field.
@lru_cache(maxsize=4)
def _parsed(text: str) -> dict:
    return json.loads(text)
