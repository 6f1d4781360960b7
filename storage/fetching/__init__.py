"""Fetching the bytes of pictures from wherever a catalog says, safely."""
