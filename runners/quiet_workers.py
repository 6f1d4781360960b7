"""Beam's workers, without what they print by themselves."""

import threading


def quiet_workers() -> None:
    """Have this process's workers print neither what fails nor that their runner is gone.

    What fails they hand to the runner too, and so to the launcher, which tells the cause in a
    sentence; and of a runner that is gone the launcher knows, or is gone with it.
    """
    from apache_beam.runners.worker import log_handler, sdk_worker

    # Neither asks logging, nor has an option.
    for module in (log_handler, sdk_worker):
        module.print = _print_nothing  # type: ignore[attr-defined]


def quiet_thread_end(arguments: threading.ExceptHookArgs) -> None:
    """Take the place of ``threading.excepthook``: calls that end with their server are no news.

    Beam's threads end so when a runner's server goes, as it does at the end of each run.
    """
    if not arguments.exc_type.__module__.startswith("grpc"):
        threading.__excepthook__(arguments)


def _print_nothing(*_: object, **__: object) -> None:
    """Take the place of ``print``."""
