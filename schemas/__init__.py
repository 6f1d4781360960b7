"""What travels through a job: one frozen dataclass per record, and the one mapping to Arrow."""
