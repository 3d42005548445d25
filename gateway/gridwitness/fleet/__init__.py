"""Boards: claim, keys, enrolment."""
