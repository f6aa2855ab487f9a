"""Seeing: graphs of definitions, and what executions did, made out of their histories. No I/O."""
