"""The audit: bias and safety of captions, answers and generated pictures."""
