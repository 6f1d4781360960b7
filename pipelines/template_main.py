"""The program that Dataflow's template launcher runs: the image holds a copy of this file apart.

Beside it, the modules of this folder would be found before others of the same names.
"""

import sys

from pipelines.main import main
from pipelines.template_entry import command_of
from runners.dataflow.model import fetch_named_model
from runners.errors import RunnerError
from schemas.errors import CalummaError

if __name__ == "__main__":
    try:
        fetch_named_model()
        sys.argv[1:] = command_of(sys.argv[1:])
    except (CalummaError, RunnerError) as error:
        sys.exit(f"calumma: {error}")
    main()
