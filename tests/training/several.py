"""One of several processes that train on a CPU, of which one cannot write its checkpoint.

``python -m tests.training.several OUT_FOLDER``, once for each, with what tells torch of the others
in the environment. Writes what it ended with, by the number of the process that cannot write.
"""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from accelerate import Accelerator

from schemas.errors import RunError
from tests.training.full_disk import small_files
from tests.training.lines import train


def main() -> None:
    out = Path(sys.argv[1])
    own = Accelerator().process_index
    said = []
    for full in range(2):
        try:
            with small_files(300) if own == full else nullcontext():
                train(out / f"full-{full}")
        except RunError as error:
            said.append(str(error))
    (out / f"said-{own}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
