"""Where bytes lie: fetching safely, part files, commits, keys. No Beam, no torch."""
