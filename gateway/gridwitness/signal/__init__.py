"""Reference signal processing in float64 (the board's integer versions in ``firmware/src/core`` are held against it).

`windows` finds the mains' zero crossings and cuts 10-cycle windows, `resample` puts a window on whole points per cycle, `power`
gives U, I, P, Q1, S, PF and f of a window. Plain NumPy, no state.
"""
