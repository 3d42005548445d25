"""Bringing a board into service."""
