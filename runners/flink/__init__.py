"""Apache Flink 1, through Beam's job server for it."""
