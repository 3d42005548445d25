"""Gridwitness: finds electricity that is delivered where no revenue meter sees it, and proves it."""

__version__ = "0.1.0"
