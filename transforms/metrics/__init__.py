"""Metrics: pure functions over blocks of rows, and what adds them up with intervals."""
