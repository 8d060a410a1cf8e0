"""The monthly report: a page for people."""
