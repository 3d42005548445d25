"""Pure signal processing and cryptography: no hardware, no clock, no files. Runs on MicroPython and CPython alike."""
