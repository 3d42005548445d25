"""Reference signal processing in float64 (the board's integer versions are held against it)."""
