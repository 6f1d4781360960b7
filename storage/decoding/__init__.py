"""Decoding hostile pictures: a pure function, and helper processes that run it with limits."""
