"""Options that are Beam's and not ours."""

import contextlib
import io
from collections.abc import Sequence

from runners.errors import RunnerError


def check_beam_options(options: Sequence[str]) -> None:
    """Have Beam read options that are passed on to it, before anything is started.

    Raises:
        RunnerError: it refuses one.

    """
    from apache_beam.options.pipeline_options import PipelineOptions

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            PipelineOptions(list(options)).get_all_options()
    except SystemExit as error:
        reason = said.getvalue().rpartition("error: ")[2].strip()
        raise RunnerError(f"Beam refuses an option that follows --: {reason}.") from error
