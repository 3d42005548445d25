"""What can be wrong with a record, apart from standing still."""

from __future__ import annotations

from dataclasses import dataclass

CLOCK, ORDER, AMPLITUDE, DEAD, SWAPPED, REPLAYED, PHASE = "clock", "order", "amplitude", "dead", "swapped", "replayed", "phase"

HARMLESS_S = 45.0
"""Up to here the balance's own clock terms do; above, the record is refused until its clock is right."""


@dataclass(slots=True)
class Fault:
    """A record that cannot be right. Times are UTC ms, ``end_ms`` None while it lasts.

    ``shift_s`` (``clock``) > 0: the record lies behind, ``u_s`` its standard uncertainty; ``factor`` (``amplitude``): what it reads for
    one watt that flows; ``rival`` the point that may be the one instead, or (``swapped``) the other of the pair; ``hides``: the
    fault hides energy, which the balance is to find.
    """

    point: str
    kind: str
    from_ms: int
    known_ms: int
    end_ms: int | None = None
    shift_s: float = 0.0
    u_s: float = 0.0
    factor: float = 1.0
    rival: str | None = None
    hides: bool = False

    @property
    def refused(self) -> bool:
        """Whether its rows may not enter a balance from when it is known."""
        return not self.hides and (self.kind != CLOCK or abs(self.shift_s) > HARMLESS_S)
