"""Python starts here in the tests' processes: Beam finds two of its optional stores missing.

With all extras installed, importing Beam imports the clients of S3 and Azure for readers of its
own, which Calumma never uses: a fifth of the time that a process needs until it works.
"""

import sys

for _name in ("apache_beam.io.aws.s3filesystem", "apache_beam.io.azure.blobstoragefilesystem"):
    sys.modules[_name] = None  # type: ignore[assignment]
