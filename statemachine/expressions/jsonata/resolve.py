"""The parser's tree to the tree that is compiled: paths with steps, stages, groups, and the steps that `%` refers to.

Rules
- An infix operator changes what its left side resolved to; a chain of them is a loop, from the innermost out.
- `%` becomes a variable (a slot) that the step whose parent is meant fills with its context. The slot goes up through
  the steps before it (`level` counts them) and out of the expression around it (`seeking`) until it is found.
- Errors: S0206, S0207, S0209, S0210, S0213, S0215, S0216, S0217.
"""

from __future__ import annotations

from typing import assert_never

from statemachine.expressions.jsonata.ast import (
    ArrayConstructor,
    Binary,
    Bind,
    Block,
    Call,
    Chain,
    Condition,
    Constant,
    Descendants,
    EndOfText,
    Expression,
    Group,
    IndexBinding,
    Infix,
    Lambda,
    Name,
    Negation,
    Number,
    ObjectConstructor,
    Parent,
    PartialCall,
    Path,
    Predicate,
    Regex,
    Slot,
    Sort,
    SortTerm,
    Text,
    Transform,
    Variable,
    Wildcard,
)
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.parser import END

MAX_SEEKS = 100_000
"""Steps that are visited for all `%` together: a path of n of them visits n² / 2."""

_KIND_NAMES: dict[type, str] = {
    Text: "string",
    Number: "number",
    Constant: "value",
    Variable: "variable",
    Regex: "regex",
    Descendants: "descendant",
    Binary: "binary",
    Negation: "unary",
    ArrayConstructor: "unary",
    ObjectConstructor: "unary",
    Condition: "condition",
    Bind: "bind",
    Call: "function",
    PartialCall: "partial",
    Lambda: "lambda",
    Chain: "apply",
    Transform: "transform",
    Sort: "sort",
    Parent: "parent",
    Path: "path",
    Block: "block",
}


def resolve(tree: Expression) -> Expression:
    """The resolved tree. Changes the nodes it is given."""
    resolver = _Resolver()
    result = resolver.resolve(tree)
    if isinstance(result, Parent) or result.seeking:
        raise _no_ancestor(result)
    return result


def _no_ancestor(node: Expression) -> JsonataError:
    return JsonataError("S0217", token=_KIND_NAMES.get(type(node), "operator"), position=node.position)


class _Resolver:
    def __init__(self) -> None:
        self._labels = 0
        self._seeks = 0

    def resolve(self, node: Expression) -> Expression:
        chain: list[Infix | Call | PartialCall | Condition] = []
        while True:
            if isinstance(node, Infix):
                chain.append(node)
                node = node.left
            elif isinstance(node, (Call, PartialCall)):
                chain.append(node)
                node = node.procedure
            elif isinstance(node, Condition):
                chain.append(node)
                node = node.condition
            else:
                break
        result = self._simple(node)
        for outer in reversed(chain):
            result = self._outer(outer, result)
            if outer.keep_array:
                result.keep_array = True
        return result

    def _simple(self, node: Expression) -> Expression:
        """A node that is not on the right of anything."""
        match node:
            case Name():
                return Path(node.position, [node], node.keep_array, keep_array=node.keep_array)
            case Parent():
                self._labels += 1
                node.slot = Slot(f"!{self._labels}")
            case ArrayConstructor():
                node.items = [self._part(node, item) for item in node.items]
            case ObjectConstructor():
                node.pairs = [(self._part(node, key), self._part(node, value)) for key, value in node.pairs]
            case Negation():
                return self._negation(node)
            case Lambda():
                node.body = _tail_calls(self.resolve(node.body))
            case Transform():
                node.pattern = self.resolve(node.pattern)
                node.update = self.resolve(node.update)
                node.delete = None if node.delete is None else self.resolve(node.delete)
            case Block():
                node.expressions = [self._part(node, part) for part in node.expressions]
                node.cons = any(
                    part.cons or (isinstance(part, Path) and part.steps[0].cons) for part in node.expressions
                )
            case EndOfText():
                raise JsonataError("S0207", position=node.position, token=END)
            case _:
                pass
        return node

    def _part(self, owner: Expression, part: Expression) -> Expression:
        resolved = self.resolve(part)
        _pass_on(owner, resolved)
        return resolved

    def _negation(self, node: Negation) -> Expression:
        inner = self.resolve(node.expression)
        if isinstance(inner, Number):
            inner.value = -inner.value
            inner.keep_array = inner.keep_array or node.keep_array
            return inner
        node.expression = inner
        _pass_on(node, inner)
        return node

    def _outer(self, node: Infix | Call | PartialCall | Condition, left: Expression) -> Expression:
        match node:
            case Infix():
                return self._infix(node, left)
            case Call() | PartialCall():
                node.arguments = [self._part(node, argument) for argument in node.arguments]
                node.procedure = left
                return node
            case Condition():
                node.condition = left
                _pass_on(node, left)
                node.then = self._part(node, node.then)
                if node.otherwise is not None:
                    node.otherwise = self._part(node, node.otherwise)
                return node
            case _:
                assert_never(node)

    def _infix(self, node: Infix, left: Expression) -> Expression:
        match node.operator:
            case ".":
                return self._dot(node, left)
            case "[":
                return self._predicate(node, left)
            case "{":
                return self._group(node, left)
            case "^":
                return self._order(node, left)
            case "@":
                return _focus(node, left)
            case "#":
                return _index(node, left)
            case ":=":
                assert isinstance(left, Variable)  # the parser sees to it
                bind = Bind(node.position, left.value, self.resolve(node.right))
                _pass_on(bind, bind.value)
                return bind
            case "~>":
                right = self.resolve(node.right)
                return Chain(node.position, left, right, keep_array=left.keep_array or right.keep_array)
            case operator:
                binary = Binary(node.position, operator, left, self.resolve(node.right))
                _pass_on(binary, left)
                _pass_on(binary, binary.right)
                return binary

    def _dot(self, node: Infix, left: Expression) -> Expression:
        path = left if isinstance(left, Path) else Path(node.position, [left])
        if isinstance(left, Parent) and left.slot is not None:
            path.seeking = [left.slot]
        right = self.resolve(node.right)
        first = len(path.steps)
        if isinstance(right, Path):
            path.steps.extend(right.steps)
        else:
            right.stages = [*right.stages, *right.predicates]
            right.predicates = []
            path.steps.append(right)
        for index in (0, first - 1, *range(first, len(path.steps))):
            step = path.steps[index]
            if isinstance(step, (Number, Constant)):
                raise JsonataError("S0213", position=step.position, value=step.value)
            if isinstance(step, Text):
                path.steps[index] = _as_name(step)
            if step.keep_array:
                path.keep_singleton = True
        for step in (path.steps[0], path.steps[-1]):
            if isinstance(step, ArrayConstructor):
                step.cons = True
        self._resolve_ancestry(path)
        return path

    def _predicate(self, node: Infix, left: Expression) -> Expression:
        step = left.steps[-1] if isinstance(left, Path) else left
        if step.group is not None:
            raise JsonataError("S0209", position=node.position)
        expression = self.resolve(node.right[0])
        for slot in expression.seeking:
            if slot.level == 1:
                self._seek(step, slot)
            else:
                slot.level -= 1
        if expression.seeking:
            _pass_on(step, expression)
        predicate = Predicate(expression, node.position)
        if isinstance(left, Path):
            step.stages.append(predicate)
        else:
            step.predicates.append(predicate)
        return left

    def _group(self, node: Infix, left: Expression) -> Expression:
        if left.group is not None:
            raise JsonataError("S0210", position=node.position)
        pairs = [(self.resolve(key), self.resolve(value)) for key, value in node.right]
        left.group = Group(pairs, node.position)
        return left

    def _order(self, node: Infix, left: Expression) -> Expression:
        path = left if isinstance(left, Path) else Path(node.position, [left])
        step = Sort(node.position, [])
        for term in node.right:
            step.terms.append(SortTerm(self._part(step, term.expression), term.descending))
        path.steps.append(step)
        self._resolve_ancestry(path)
        return path

    def _resolve_ancestry(self, path: Path) -> None:
        last = path.steps[-1]
        slots = list(last.seeking)
        if isinstance(last, Parent) and last.slot is not None:
            slots.append(last.slot)
        for slot in slots:
            index = len(path.steps) - 2
            while slot.level > 0:
                if index < 0:
                    path.seeking.append(slot)
                    break
                step = path.steps[index]
                index -= 1
                # steps in a row that bind their members stay on one level
                while index >= 0 and step.focus and path.steps[index].focus:
                    step = path.steps[index]
                    index -= 1
                self._seek(step, slot)

    def _seek(self, node: Expression, slot: Slot) -> None:
        """Go one step up with the slot, or, in a path or block, as many as it has."""
        self._seeks += 1
        if self._seeks > MAX_SEEKS:
            raise _no_ancestor(node)
        match node:
            case Name() | Wildcard():
                slot.level -= 1
                if slot.level == 0:
                    if node.ancestor is not None:
                        slot.label = node.ancestor.label
                    node.ancestor = slot
                    node.tuple = True
            case Parent():
                slot.level += 1
            case Block():
                if node.expressions:
                    node.tuple = True
                    self._seek(node.expressions[-1], slot)
            case Path():
                node.tuple = True
                index = len(node.steps) - 1
                self._seek(node.steps[index], slot)
                while slot.level > 0 and index > 0:
                    index -= 1
                    self._seek(node.steps[index], slot)
            case _:
                raise _no_ancestor(node)


def _as_name(step: Text) -> Name:
    """A string literal as a step is a name; what was said about it stays."""
    name = Name(step.position, step.value, keep_array=step.keep_array, stages=step.stages, predicates=step.predicates)
    name.group, name.focus, name.index, name.tuple = step.group, step.focus, step.index, step.tuple
    return name


def _pass_on(owner: Expression, part: Expression) -> None:
    """What the part seeks further up, its owner seeks. The list is shared: a long chain must not copy it each time."""
    if not owner.seeking:
        owner.seeking = part.seeking
    elif owner.seeking is not part.seeking:
        owner.seeking.extend(part.seeking)
    if isinstance(part, Parent) and part.slot is not None:
        owner.seeking.append(part.slot)


def _focus(node: Infix, left: Expression) -> Expression:
    step = left.steps[-1] if isinstance(left, Path) else left
    if step.stages or step.predicates:
        raise JsonataError("S0215", position=node.position)
    if isinstance(step, Sort):
        raise JsonataError("S0216", position=node.position)
    if node.keep_array:
        step.keep_array = True
    step.focus = node.right
    step.tuple = True
    return left


def _index(node: Infix, left: Expression) -> Expression:
    if isinstance(left, Path):
        step = left.steps[-1]
        path = left
    else:
        step = left
        path = Path(node.position, [left])
        step.stages = [*step.stages, *step.predicates]
        step.predicates = []
    if step.stages:
        step.stages.append(IndexBinding(node.right, node.position))
    else:
        step.index = node.right
    step.tuple = True
    return path


def _tail_calls(body: Expression) -> Expression:
    """Mark the calls that end a lambda: the branches of conditions and the last expressions of blocks."""
    pending = [body]
    while pending:
        node = pending.pop()
        match node:
            case Call():
                node.tail = not node.predicates
            case Condition():
                pending.append(node.then)
                if node.otherwise is not None:
                    pending.append(node.otherwise)
            case Block():
                if node.expressions and not node.predicates:
                    pending.append(node.expressions[-1])
            case _:
                pass
    return body
