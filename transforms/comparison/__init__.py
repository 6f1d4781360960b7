"""Two models on the same rows: what differs, how surely, and what would show it. No Beam here."""
