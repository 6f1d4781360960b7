"""Beam steps: pure functions first, then a thin PTransform each."""
