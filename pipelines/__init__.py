"""One job per module: its configuration, and how it is built and run."""
