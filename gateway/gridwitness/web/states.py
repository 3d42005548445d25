"""States of a finding and of a site: order, shape and the words' keys. A shape stands beside every colour."""

from collections.abc import Iterable

CASE, WATCH, CANNOT_TELL, NORMAL, WAITING = "case", "watch", "cannot_tell", "normal", "waiting"

ORDER = (CASE, WATCH, CANNOT_TELL, WAITING, NORMAL)
"""Abnormal first."""

SHAPES = {CASE: "◆", WATCH: "▲", CANNOT_TELL: "□", NORMAL: "○", WAITING: "◌"}


def rank(state: str) -> int:
    """Place in a list that shows what is abnormal first."""
    return ORDER.index(state) if state in ORDER else len(ORDER)


def worst(states: Iterable[str], default: str = NORMAL) -> str:
    """The state of a whole that has parts in these states."""
    return min(states, key=rank, default=default)
