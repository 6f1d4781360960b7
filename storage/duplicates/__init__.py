"""Which pictures of a collection show the same: how like two are, and what hangs together."""
