"""Training: fits the models inside the package, with torch and transformers and without Beam."""
