"""The firmware's version. No clock can be earlier than its release."""

FW = "0.1.0"
FW_DATE_MS = 1795219200000
"""2026-11-21T00:00:00Z."""
