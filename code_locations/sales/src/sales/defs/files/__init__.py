"""The shops' CSV files: everything that is made from them alone."""
