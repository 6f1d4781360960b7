"""The paper's claims in miniature: docs/ablations.md says what is compared, and how."""
