"""JavaScript regular expressions, bounded: `compile_regex` gives a `Pattern`.

`syntax` parses them; `translate` gives those whose cost is bounded to Python's engine; `machine` runs the rest by
counted steps.
"""

from statemachine.expressions.jsonata.regex.pattern import Found, Pattern, compile_regex

__all__ = ["Found", "Pattern", "compile_regex"]
