"""The demo: the product itself, run against a simulated plant. Nothing in it is a mock.

=======  ===================================================================================
rig      the processes: broker, plant's twin, gateway, boards
story    what happens: start, a board killed, the gateway killed, the end
tally    what arrived, counted against what the boards assigned
outcome  the one JSON object, and whether all of it holds
=======  ===================================================================================
"""
