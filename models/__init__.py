"""Models: found, loaded and run, with torch and transformers and without Beam."""
