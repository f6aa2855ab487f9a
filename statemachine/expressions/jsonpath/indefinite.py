"""Indefinite paths: wildcards, slices, index lists, filters and ``..``.

The structure of such a path is read by jsonpath-ng, once, and its syntax tree is compiled to closures with Jayway's
semantics. Two things are kept from jsonpath-ng, because it reads them in another way than Jayway: names (quotes,
non-ASCII, its own keywords) and filters (``=~``, ``in``, ``nin``, ``size``, ``empty``, ``!``, paths on the right side).
It sees a numbered member in the place of each. Its own search is not used: it differs in filters, in ``['a','b']`` and
in the order of results, and does not end early on a large document.

Jayway's semantics:
- a step that does not apply to a value finds nothing there; what does not exist is no error (fact
  jsonpath-missing-nested-wildcard-empty);
- ``..`` visits the value and all objects and arrays inside it, each before its contents, and applies the next step;
- ``['a','b']`` makes one object of the members that are there; it must be the last step (seen on AWS). After ``..``
  only objects that have all of them count;
- a slice with both bounds does not count from the end at one of them only: ``[1:-1]`` finds nothing;
- a filter applies to the elements of an array, or to an object itself. After ``..`` it applies to each object once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import PathNotFoundError
from statemachine.expressions.budget import Budget
from statemachine.expressions.jsonpath.definite import LEAVES_ONLY
from statemachine.expressions.jsonpath.filter import Condition, Search, compile_condition
from statemachine.expressions.jsonpath.tokens import Descent, Filter, Members, Subscript, Token, Wildcard, fragment
from statemachine.jsonvalue import Json

Select: TypeAlias = Callable[[Json, Search], list[Json]]
"""What one step finds at one value."""
Find: TypeAlias = Callable[[Json, Search], list[Json]]
"""What a whole path finds from one value."""


def compile_indefinite(text: str, tokens: tuple[Token, ...]) -> Callable[[Json], list[Json]]:
    """A closure that gives all that the path finds in a document. Raises ExpressionSyntaxError.

    Evaluating raises EvaluationError when too much is visited, and PathNotFoundError for a ``['a','b']`` that is not
    the last step.
    """
    find = compile_find(text, tokens, 0)

    def search(document: Json) -> list[Json]:
        try:
            return find(document, Search(document, Budget()))
        except RecursionError:
            raise EvaluationError(RUNTIME, f"The path '{text}' compares values that are nested too deeply") from None

    return search


def compile_find(text: str, tokens: tuple[Token, ...], depth: int) -> Find:
    """The same from any value, within a search; `depth` counts the filters around the path."""
    steps: list[tuple[bool, Select, str | None]] = []
    structure = _structure(tokens)
    for position, (below, node) in enumerate(structure):
        token = _slot(node, tokens)
        if isinstance(token, Members):
            last = position + 1 == len(structure)
            only = token.names[0] if len(token.names) == 1 and not below else None
            steps.append((below, _members(text, tokens, token, last=last, below=below), only))
        elif isinstance(token, Filter):
            steps.append((below, _filter(compile_condition(text, token, depth), below=below), None))
        else:
            steps.append((below, _elements(node), None))

    def find(value: Json, search: Search) -> list[Json]:
        nodes = [value]
        for below, select, name in steps:
            if name is not None:  # of many values at once: most paths behind a wildcard are such
                named = [node[name] for node in nodes if type(node) is dict and name in node]
                search.budget.spend(len(nodes) + len(named))
                nodes = named
                continue
            found: list[Json] = []
            for node in nodes:
                for visited in _containers(node) if below else (node,):
                    selected = select(visited, search)
                    search.budget.spend(1 + len(selected))
                    found += selected
            nodes = found
        return nodes

    return find


def _structure(tokens: tuple[Token, ...]) -> list[tuple[bool, Any]]:
    """The steps as nodes of jsonpath-ng's tree, in order; true for a step that stands behind ``..``."""
    from jsonpath_ng import Descendants, Root
    from jsonpath_ng.ext.parser import parse

    written = []
    for number, token in enumerate(tokens):
        match token:
            case Members() | Filter():
                written.append(f"['{number}']")
            case Subscript(text):
                written.append(f"[{':'.join(text.split(':')[:2])}]")
            case Wildcard():
                written.append("[*]")
            case Descent():
                written.append("..")
    node: Any = parse("$" + "".join(written))
    steps: list[tuple[bool, Any]] = []
    while not isinstance(node, Root):
        steps.append((isinstance(node, Descendants), node.right))
        node = node.left
    return steps[::-1]


def _slot(node: Any, tokens: tuple[Token, ...]) -> Token | None:
    """The names or the filter that a numbered member stands for."""
    from jsonpath_ng import Fields

    return tokens[int(node.fields[0])] if isinstance(node, Fields) else None


def _containers(value: Json) -> Iterator[Json]:
    """The value and all inside it, objects and arrays only, each before its contents. Not recursive."""
    pending = [value]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            pending.extend(reversed(node.values()))
        elif type(node) is list:
            pending.extend(reversed(node))
        else:
            continue
        yield node


# -- steps -----------------------------------------------------------------------------------------------------------


def _members(text: str, tokens: tuple[Token, ...], members: Members, *, last: bool, below: bool) -> Select:
    if len(members.names) == 1:
        name = members.names[0]

        def member(node: Json, _: Search) -> list[Json]:
            return [node[name]] if type(node) is dict and name in node else []

        return member

    def one_object(node: Json, _: Search) -> list[Json]:
        if type(node) is not dict or (below and not all(name in node for name in members.names)):
            return []
        if not last:
            path = "$" + "".join(map(fragment, tokens[: tokens.index(members) + 1]))
            raise PathNotFoundError(text, f"{LEAVES_ONLY}: {path}")
        return [{name: node[name] for name in members.names if name in node}]

    return one_object


def _filter(condition: Condition, *, below: bool) -> Select:
    def accepted(node: Json, search: Search) -> list[Json]:
        if type(node) is dict:
            return [node] if condition(node, search) else []
        if type(node) is not list:
            return []
        if below and not condition(node, search):  # the elements are visited themselves
            return []
        search.budget.spend(len(node))
        return [item for item in node if type(item) in (dict, list) and condition(item, search)]

    return accepted


def _elements(node: Any) -> Select:
    """Index lists, slices and wildcards."""
    match type(node).__name__:
        case "Index":
            return _listed(node.indices)
        case "Slice" if node.start is not None or node.end is not None:
            return _sliced(node.start, node.end)
        case _:  # Wildcard; in earlier versions of jsonpath-ng a slice without bounds
            return _every


def _every(node: Json, _: Search) -> list[Json]:
    if type(node) is dict:
        return list(node.values())
    return node if type(node) is list else []


def _listed(indexes: tuple[int, ...]) -> Select:
    def listed(node: Json, _: Search) -> list[Json]:
        if type(node) is not list:
            return []
        return [node[index] for index in indexes if -len(node) <= index < len(node)]

    return listed


def _sliced(start: int | None, end: int | None) -> Select:
    def sliced(node: Json, _: Search) -> list[Json]:
        if type(node) is not list:
            return []
        if start is None or end is None or start >= 0:
            # Both bounds given: a negative end is never reached.
            return node[start:end] if start is None or end is None or end >= 0 else []
        length = len(node)
        return [node[index] for index in range(max(start, -length), min(end, length))]

    return sliced
