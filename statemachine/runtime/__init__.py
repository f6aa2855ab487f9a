"""The local host: many executions on one event loop, one scheduler, one heap of timers.

The kernel decides; this package waits, performs and stores. See docs/kernel.md for who owns what.
"""
