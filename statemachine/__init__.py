"""Run Amazon States Language state machines anywhere, durably, with the results AWS Step Functions gives."""

__version__ = "0.1.0"
