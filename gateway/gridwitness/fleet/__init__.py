"""Boards: claim, keys, enrolment.

=======  ================================================================
secrets  files that only the gateway's user may read
keys     the gateway's own keys, made at its first start
claim    entering a board by the file that it made
=======  ================================================================
"""
