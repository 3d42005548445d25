"""Terms that every part shares: time, errors, series of readings, findings, quantities. Standard library only."""
