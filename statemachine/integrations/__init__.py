"""Performing tasks: what stands behind a Task state's Resource."""
