"""The nightly eye: what a run's rows are like, and whether that is unusual."""
