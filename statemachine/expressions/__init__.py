"""What the author computes: paths, intrinsic functions, payload templates, comparisons.

Nothing here knows about states or executions: an expression is text, compiled once to a closure over `Values`.
"""
