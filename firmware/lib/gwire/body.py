"""Writing bodies: the bytes that a tag is made over. All of the contract's modules that a board needs for sending."""

import json


def write(head: tuple, members: tuple) -> bytes:
    """A body: ``head`` and ``members`` are tuples of ``(name, value)``; the closing brace is left to the envelope.

    >>> write((("v", 1),), (("t", "data"),))
    b'{"v":1,"t":"data"'
    """
    parts = ["%s:%s" % (json.dumps(name), to_json(value)) for pairs in (head, members) for name, value in pairs]
    return ("{" + ",".join(parts)).encode()


def to_json(value: object) -> str:
    """JSON without white space, on MicroPython too."""
    return json.dumps(value, separators=(",", ":"))
