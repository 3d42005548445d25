"""Processes of one gateway: supervisor, live engine, broker, demo.

===========  ==================================================================================
settings     ``gateway.yaml``: one table is configuration, help and documentation
supervisor   ``gridwitness run``: keeps ingest, detect and web running
processes    children that end with their parent; orderly ends; log lines
live         ``gridwitness detect``: analyses, findings, registers and segments as time goes on
sources      the store as the evidence asks for it
broker       mosquitto where it is installed, otherwise the embedded amqtt
embedded     the embedded broker's process
demo         the main job against a simulated plant
===========  ==================================================================================
"""
