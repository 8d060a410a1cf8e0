"""A demo order system: a seeded history with the faults that real ones have."""
