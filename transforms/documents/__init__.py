"""What training documents are made of, and how: pure functions, no Beam."""
