"""The order system's database: everything that is made from it."""
