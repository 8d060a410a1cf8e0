"""Real parts for the tests of code locations. Imported by tests only; each needs its package among their dependencies.

Does not belong here: doubles, and what one location alone needs.
"""
