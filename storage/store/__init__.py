"""The output's storage: the few operations the job contract rests on."""

from storage.store.base import Entry, Store
from storage.store.open import open_store

__all__ = ["Entry", "Store", "open_store"]
