"""Beam's workers, without the tracebacks that they print."""


def quiet_workers() -> None:
    """Have this process's workers print no traceback of what fails.

    They hand it to the runner too, and so to the launcher, which tells the cause in a sentence.
    """
    from apache_beam.runners.worker import sdk_worker

    # It is told to nobody else: neither to logging nor by an option.
    sdk_worker.print = _print_nothing  # type: ignore[attr-defined]


def _print_nothing(*_: object, **__: object) -> None:
    """Take the place of ``print``."""
