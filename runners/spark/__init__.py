"""Apache Spark 3, through Beam's job server for it."""
