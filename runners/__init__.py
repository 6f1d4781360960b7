"""Where a job runs. Imports nothing of ours."""
