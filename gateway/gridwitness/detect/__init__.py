"""Detection: pure functions over arrays and register. No I/O, no clock."""
