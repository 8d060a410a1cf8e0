"""Commands beyond those of the platform itself, a module for each family.

`slipway.cli` registers them, a line each. A command is a few lines over the package that does the work, and
imports it when it is called where that costs time: the command line starts for every command.
"""
