"""The interpreter: pure, synchronous, deterministic. Events go in, commands and history come out.

See docs/kernel.md for the contract with the hosts. Nothing in this package may read a clock, draw random numbers, do
I/O or start threads (a test checks its imports).
"""
