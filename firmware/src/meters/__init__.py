"""Metering points: what a board measures itself and what it reads from meters.

============  ====================================================================
points        the points that a configuration names
sample_point  a point measured from samples: windows, intervals, energy registers
meter_point   a point read from a meter: polls, intervals
modbus        Modbus TCP master
profile       a meter model's registers: from a JSON file to a plan
plan          what is kept of it: requests, and how to read the answers
decode        register words to integers in the scales of the field table
============  ====================================================================
"""
