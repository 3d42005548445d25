"""Simulated plant, and twins of meters that speak the devices' own protocols."""
