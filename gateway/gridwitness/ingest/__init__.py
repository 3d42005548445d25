"""Ways in: MQTT records of boards, meter files.

=========  ==================================================================================
mqtt       the broker's side: a network thread that only fills a bounded queue
keyring    the keys of claimed boards
rules      what a payload must be: form, tag, JSON, members, clock (pure)
chains     the chain of one device in memory, rebuilt from the store at start
assess     arrivals in, one batch for the store out
acks       when a device is told that its records are durable
writer     the loop: drain, assess, commit, then acknowledge
process    the command ``gridwitness ingest``
recheck    the store against its own raw payloads
casefiles  meter files of ``gridwitness analyse``
=========  ==================================================================================
"""
