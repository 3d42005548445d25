"""MQTT topic names of gw-env/1."""

from .errors import WireError

ROOT = "gridwitness/v1"
CHECKPOINT = ROOT + "/checkpoint"
UP = ("boot", "data", "event", "seal", "wave")
"""Levels that carry records of a device's chain; the level equals the record's ``t``."""
DOWN = ("ack", "cmd", "cfg")


def is_device_name(name: str) -> bool:
    """Whether ``name`` matches ``[a-z0-9-]{3,32}``."""
    return 3 <= len(name) <= 32 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in name)


def topic(dev: str, level: str) -> str:
    """``gridwitness/v1/<dev>/<level>``; raises WireError for a name that the contract does not allow."""
    if not is_device_name(dev):
        raise WireError("bad_device_name", "device name %r is not 3 to 32 of a-z, 0-9 and -" % dev)
    return ROOT + "/" + dev + "/" + level


def parse(name: str) -> tuple:
    """``(dev, level)`` of a device topic; raises WireError for any other topic."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] + "/" + parts[1] != ROOT or not is_device_name(parts[2]):
        raise WireError("bad_topic", "topic %r is not %s/<dev>/<level>" % (name, ROOT))
    return parts[2], parts[3]


def subscriptions() -> list:
    """What a gateway subscribes to for records of all devices."""
    return [ROOT + "/+/" + level for level in UP]
