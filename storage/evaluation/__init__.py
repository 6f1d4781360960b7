"""What an evaluation compares: results, references, and the rows that belong together."""
