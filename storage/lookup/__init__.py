"""Rows of a committed table by asset id, in random order: memory-mapped, one copy a machine."""
