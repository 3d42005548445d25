"""The board's link to its gateway: what is kept, what is sent, and when it may be forgotten.

========  ====================================================================================
files     files that are whole or as before
modules   code that is loaded only while it is used
nvs       the few values that must survive everything: boot counter, cursor, last seal
outbox    every record, durable before it is sent, kept until it is acknowledged and sealed
segment   the lines of its files
recovery  what the outbox tells at start: last record, registers, records since the last seal
chain     making records: numbers, hashes, MACs, seals
mqtt      one MQTT connection over asyncio
handshake its CONNECT and SUBSCRIBE packets, written by umqtt.simple
uplink    what to send next, when to send it again
sealer    signing what came since the last seal
inbox     messages of the gateway: only authentic, new and fitting ones have an effect
========  ====================================================================================
"""
