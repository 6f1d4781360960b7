"""What can go wrong about where a job runs, in one or two sentences."""


class RunnerError(Exception):
    """A runner cannot do what it is asked; the text says what to do about it."""
