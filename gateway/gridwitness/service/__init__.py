"""Processes of one gateway: supervisor, live engine, broker, demo."""
