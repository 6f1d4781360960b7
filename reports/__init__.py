"""Pages and terminal summaries of what a run did, read from its tables. No Beam, no torch."""
