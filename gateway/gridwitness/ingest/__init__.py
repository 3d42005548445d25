"""Ways in: MQTT records of boards, meter files."""
