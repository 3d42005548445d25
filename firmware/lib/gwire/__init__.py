"""gw-env/1: the one wire contract between board and gateway.

This folder is the board's ``/lib/gwire`` and is packed into the gateway's wheel as it stands, so there is no second copy
that could differ. Everything in it runs on MicroPython (unix and ESP32) and on CPython, and imports nothing of ours.

===========  ==========================================================================================
fields       the field table: the only place where a quantity gets key, unit, scale, range and OBIS code
records      what a record must contain
body         writing the bytes of a record
envelope     MAC form and seal form: the suffix that signs a body
topics       MQTT topic names
chain        which record follows which; what the gateway may acknowledge
dating       times of records made before the clock was set (not loaded on the board)
merkle       RFC 6962 roots over payloads
schema       JSON Schema and documentation table, generated (not loaded on the board)
===========  ==========================================================================================
"""

VERSION = 1
"""The member ``v`` of every record."""

ZERO_HASH = "0" * 64
"""``prev`` of the first record that a device ever makes."""
