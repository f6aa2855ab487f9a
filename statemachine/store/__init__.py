"""The local store: journal of events, history, snapshots, summaries."""
