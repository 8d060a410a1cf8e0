"""Small downloads of the three publishers, made up, in the publishers' own formats and with the faults of real ones."""
