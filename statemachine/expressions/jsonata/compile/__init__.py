"""The resolved tree to closures.

`core` has the rules that hold for every expression, the other modules one kind of expression each.
"""

from statemachine.expressions.jsonata.compile.core import Code, compile_tree

__all__ = ["Code", "compile_tree"]
