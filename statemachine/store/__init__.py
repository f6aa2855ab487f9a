"""The local store: journal of events, history, snapshots, summaries."""

from statemachine.store.locate import open_store, open_to_read

__all__ = ["open_store", "open_to_read"]
