"""Tokens to a syntax tree by operator precedence (Pratt), with the original's binding powers and errors.

Rules
- A prefix function takes the token at hand, an infix function the token and what stands on its left.
- Chains on the left (`a.b.c`, `1+1+1`) are a loop, so only nesting recurses, and that is bounded (`Limits.nesting`).
"""

from __future__ import annotations

from typing import Any, Final

from statemachine.expressions.jsonata.ast import (
    ArrayConstructor,
    Block,
    Call,
    Condition,
    Constant,
    Descendants,
    EndOfText,
    Expression,
    Infix,
    Lambda,
    Name,
    Negation,
    Number,
    ObjectConstructor,
    Parent,
    PartialCall,
    Placeholder,
    Regex,
    SortTerm,
    Text,
    Transform,
    Variable,
    Wildcard,
)
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.lexer import WORD_OPERATORS, Lexer, Token
from statemachine.expressions.jsonata.limits import DEFAULT_LIMITS, Limits
from statemachine.expressions.jsonata.signature import Signature

_POWERS: Final = {
    ":=": 10,
    "?": 20,
    "or": 25,
    "and": 30,
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "in", "~>", "^"), 40),
    **dict.fromkeys(("+", "-", "&"), 50),
    **dict.fromkeys(("*", "/", "%"), 60),
    "{": 70,
    ".": 75,
    **dict.fromkeys(("[", "(", "@", "#"), 80),
}
_UNKNOWN: Final = frozenset("!~")
_PREFIX_POWER: Final = 70
_LAMBDA_NAMES: Final = ("function", "λ")
END: Final = "(end)"


def parse(text: str, limits: Limits = DEFAULT_LIMITS) -> Expression:
    """The unresolved tree of a text. Raises JsonataError (S0xxx, U1004, U1005)."""
    if len(text) > limits.expression_chars:
        raise JsonataError("U1005", max=limits.expression_chars)
    return _Parser(text, limits).parse()


class _Parser:
    def __init__(self, text: str, limits: Limits) -> None:
        self._lexer = Lexer(text)
        self._end = self._lexer.position(len(text))
        self._nesting = limits.nesting
        self._depth = 0
        self._token: Token | None = None
        self._id = END

    def parse(self) -> Expression:
        self._advance()
        expression = self._expression(0)
        if self._id != END:
            raise self._error("S0201")
        return expression

    def _error(self, code: str, **fields: Any) -> JsonataError:
        token = self._token
        value, position = (END, self._end) if token is None else (token.value, token.position)
        return JsonataError(code, position=position, token=value, **fields)

    def _advance(self, *, infix: bool = False) -> None:
        token = self._lexer.next(infix=infix)
        self._token = token
        self._id = END if token is None else token.id
        if self._id in _UNKNOWN:
            raise self._error("S0204")

    def _expect(self, id: str, *, infix: bool = False) -> None:
        if self._id != id:
            raise self._error("S0203" if self._id == END else "S0202", value=id)
        self._advance(infix=infix)

    def _expression(self, power: int) -> Expression:
        self._depth += 1
        if self._depth > self._nesting:
            raise JsonataError("U1004", position=self._end, max=self._nesting)
        token, id = self._token, self._id
        self._advance(infix=True)
        left = self._prefix(token, id)
        while (binding := _POWERS.get(self._id, 0)) > power:
            operator = self._token
            assert operator is not None  # the end binds nothing
            self._advance()
            left = self._infix(operator, str(operator.value), binding, left)
        self._depth -= 1
        return left

    def _prefix(self, token: Token | None, id: str) -> Expression:
        if token is None:
            return EndOfText(self._end)
        position, value = token.position, token.value
        match token.kind:
            case "name":
                return Name(position, str(value))
            case "variable":
                return Variable(position, str(value))
            case "string":
                return Text(position, str(value))
            case "number":
                assert isinstance(value, (int, float))
                return Number(position, value)
            case "value":
                assert value is None or isinstance(value, bool)
                return Constant(position, value)
            case "regex":
                assert isinstance(value, tuple)
                return Regex(position, *value)
            case "operator":
                return self._prefix_operator(position, id)

    def _prefix_operator(self, position: int, id: str) -> Expression:
        if id in WORD_OPERATORS:
            return Name(position, id)
        match id:
            case "-":
                return Negation(position, self._expression(_PREFIX_POWER))
            case "*":
                return Wildcard(position)
            case "**":
                return Descendants(position)
            case "%":
                return Parent(position)
            case "(":
                return self._block(position)
            case "[":
                return self._array(position)
            case "{":
                return ObjectConstructor(position, self._pairs())
            case "|":
                return self._transform(position)
            case _:
                raise JsonataError("S0211", position=position, token=id)

    def _infix(self, token: Token, id: str, binding: int, left: Expression) -> Expression:
        position = token.position
        match id:
            case "(":
                return self._call(position, left)
            case "[":
                return self._predicate(position, left)
            case "{":
                return Infix(position, id, left, self._pairs())
            case "^":
                return Infix(position, id, left, self._sort_terms())
            case "?":
                return self._condition(position, left)
            case ":=":
                if not isinstance(left, Variable):
                    raise JsonataError("S0212", position=left.position, token=getattr(left, "value", None))
                return Infix(position, id, left, self._expression(binding - 1))
            case "@" | "#":
                right = self._expression(binding)
                if not isinstance(right, Variable):
                    raise JsonataError("S0214", position=right.position, token=id)
                return Infix(position, id, left, right.value)
            case _:
                return Infix(position, id, left, self._expression(binding))

    def _block(self, position: int) -> Expression:
        expressions: list[Expression] = []
        while self._id != ")":
            expressions.append(self._expression(0))
            if self._id != ";":
                break
            self._advance()
        self._expect(")", infix=True)
        return Block(position, expressions)

    def _array(self, position: int) -> Expression:
        items: list[Expression] = []
        while self._id != "]" or items:
            item = self._expression(0)
            if self._id == ".." and self._token is not None:
                at = self._token.position
                self._advance()
                item = Infix(at, "..", item, self._expression(0))
            items.append(item)
            if self._id != ",":
                break
            self._advance()
        self._expect("]", infix=True)
        return ArrayConstructor(position, items)

    def _pairs(self) -> list[tuple[Expression, Expression]]:
        pairs: list[tuple[Expression, Expression]] = []
        while self._id != "}" or pairs:
            key = self._expression(0)
            self._expect(":")
            pairs.append((key, self._expression(0)))
            if self._id != ",":
                break
            self._advance()
        self._expect("}", infix=True)
        return pairs

    def _transform(self, position: int) -> Expression:
        pattern = self._expression(0)
        self._expect("|")
        update = self._expression(0)
        delete = None
        if self._id == ",":
            self._advance()
            delete = self._expression(0)
        self._expect("|")
        return Transform(position, pattern, update, delete)

    def _predicate(self, position: int, left: Expression) -> Expression:
        """`left[…]`. The empty one marks the step under all predicates, which each of them carries along."""
        step = left.right[1] if isinstance(left, Infix) and left.operator == "[" else left
        if self._id == "]":
            step.keep_array = True
            self._advance()
            return left
        predicate = self._expression(0)
        self._expect("]", infix=True)
        return Infix(position, "[", left, (predicate, step))

    def _sort_terms(self) -> list[SortTerm]:
        self._expect("(")
        terms: list[SortTerm] = []
        while True:
            descending = self._id == ">"
            if self._id in ("<", ">"):
                self._advance()
            terms.append(SortTerm(self._expression(0), descending))
            if self._id != ",":
                break
            self._advance()
        self._expect(")")
        return terms

    def _condition(self, position: int, condition: Expression) -> Expression:
        then = self._expression(0)
        otherwise = None
        if self._id == ":":
            self._advance()
            otherwise = self._expression(0)
        return Condition(position, condition, then, otherwise)

    def _call(self, position: int, procedure: Expression) -> Expression:
        arguments: list[Expression] = []
        partial = False
        while self._id != ")" or arguments:
            if self._id == "?" and self._token is not None:
                partial = True
                arguments.append(Placeholder(self._token.position))
                self._advance()
            else:
                arguments.append(self._expression(0))
            if self._id != ",":
                break
            self._advance()
        self._expect(")", infix=True)
        if isinstance(procedure, Name) and procedure.value in _LAMBDA_NAMES:
            return self._lambda(position, arguments)
        return PartialCall(position, procedure, arguments) if partial else Call(position, procedure, arguments)

    def _lambda(self, position: int, arguments: list[Expression]) -> Expression:
        parameters: list[str] = []
        for index, argument in enumerate(arguments):
            if not isinstance(argument, Variable):
                token = getattr(argument, "value", None)
                raise JsonataError("S0208", position=argument.position, token=token, value=index + 1)
            parameters.append(argument.value)
        signature = self._signature() if self._id == "<" else None
        self._expect("{")
        body = self._expression(0)
        self._expect("}")
        return Lambda(position, parameters, body, signature)

    def _signature(self) -> Signature:
        assert self._token is not None  # it is the `<`
        position = self._token.position
        depth, parts = 1, ["<"]
        while depth > 0 and self._id not in ("{", END):
            self._advance()
            if self._id == ">":
                depth -= 1
            elif self._id == "<":
                depth += 1
            parts.append(END if self._token is None else str(self._token.value))
        self._expect(">")
        try:
            return Signature("".join(parts))
        except JsonataError as error:
            error.position = position + error.fields["offset"]
            raise
