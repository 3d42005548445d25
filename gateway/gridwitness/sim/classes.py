"""Error limits of accuracy classes, as the simulated instruments use them.

Meters: IEC 62053-21/-22 (2, 1, 0.5S, 0.2S) and EN 50470-3 (A to D). Current transformers: IEC 61869-2, ratio and phase displacement at
rated current. Voltage transformers: IEC 61869-3. Angles are in minutes of arc; classes without an angle limit are given 120′.
"""

METER = {"0.2S": 0.002, "0.2": 0.002, "0.5S": 0.005, "0.5": 0.005, "1": 0.01, "2": 0.02, "D": 0.002, "C": 0.005, "B": 0.01, "A": 0.02}
"""Relative error limit of active power."""

CT = {
    "0.2S": (0.002, 10), "0.2": (0.002, 10), "0.5S": (0.005, 30), "0.5": (0.005, 30), "1": (0.01, 60), "3": (0.03, 120), "5P": (0.01, 60),
    "10P": (0.03, 120),
}  # fmt: skip
"""Relative ratio error and phase displacement in minutes."""

VT = {"0.2": (0.002, 10), "0.5": (0.005, 20), "1": (0.01, 40), "3": (0.03, 120)}
"""Relative ratio error and phase displacement in minutes."""
