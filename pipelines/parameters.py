"""The arguments that several commands have, each with its help."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

FLAT = Parameter(name="*")
"""Of a configuration whose fields are the command's own options."""

Catalog = Annotated[
    str,
    Parameter(
        help="Parquet, CSV, JSON lines, WebDataset tar or COCO annotations; a folder of pictures; "
        "or a glob in quotes."
    ),
]
Queries = Annotated[
    str,
    Parameter(
        help="Catalog of the queries: Parquet, CSV, JSON lines or WebDataset tar; a folder; or a "
        "glob."
    ),
]
Requests = Annotated[
    str,
    Parameter(
        help="Catalog of the requests: Parquet, CSV or JSON lines with columns id and prompt; or a "
        "glob in quotes."
    ),
]
Embeddings = Annotated[str, Parameter(help="Folder that calumma embed has written to.")]
Tokens = Annotated[str, Parameter(help="Folder that calumma tokenize has written to.")]
NewIndex = Annotated[str, Parameter(help="Folder of the index: local, s3://, gs:// or az://.")]
Index = Annotated[str, Parameter(help="Folder that calumma index has written to.")]
Results = Annotated[
    str,
    Parameter(
        help="Folder that a job has written to, such as calumma caption; or Parquet files with "
        "columns asset_id and text: one, a folder, or a glob in quotes."
    ),
]
Out = Annotated[str, Parameter(help="Folder for the results: local, s3://, gs:// or az://.")]
# Taken out of the arguments before the rest is read, for its values stand behind theirs.
ConfigFile = Annotated[
    Path | None,
    Parameter(
        name="--config",
        metavar="FILE.toml",
        help="Take options from this TOML file; options given here win over it.",
    ),
]
DryRun = Annotated[bool, Parameter(help="Say what would be done and do nothing.")]
Json = Annotated[bool, Parameter(help="Print the result as JSON and no progress.")]
