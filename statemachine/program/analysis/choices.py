"""A Choice without Default whose rules leave something over.

The rules are read as propositions about what they test. What they test is a *subject*: a value with the literals that
the rules compare it with, which cut its range into regions. If some choice of regions makes all rules false, no rule
may match. Rules that are evidently exhaustive, such as x and Not x, true and false, below 10 and at least 10, leave
nothing over; what a rule says beyond that is taken as a fact of its own, which may be false.

The search is bounded: where it does not end in `_TRIES`, nothing is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice, product
from typing import Any, Final, TypeAlias

from msgspec import Struct, field

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic
from statemachine.jsonvalue import Json
from statemachine.program.analysis.findings import warning

CHOICE_WITHOUT_DEFAULT: Final = "SM_CHOICE_WITHOUT_DEFAULT"
_TRIES = 512
_WORK = 20_000
"""Rules tried, over all tries."""

Regions: TypeAlias = Mapping["Subject", int]
Test: TypeAlias = Callable[[Regions], bool]
Subject: TypeAlias = tuple[Any, ...]
"""What is compared: its text or tree, and the family of operators."""


def check_default(choice: model.Choice) -> Diagnostic | None:
    """Whether an input may pass all rules of a Choice without a Default."""
    if choice.default is not None:
        return None
    reader = Reader()
    try:
        tests = [reader.condition(rule.condition) for rule in choice.choices]
        reader.rank()
        subjects = list(reader.literals)
        ways = product(*(reader.regions(subject) for subject in subjects))
        for tried in islice(ways, max(1, min(_TRIES, _WORK // len(tests)))):
            regions = dict(zip(subjects, tried, strict=True))
            if not any(test(regions) for test in tests):
                break
        else:
            return None
    except RecursionError:
        return None
    message = (
        "The rules may all fail to match, and there is no Default: the state then fails with States.NoChoiceMatched"
    )
    return warning(CHOICE_WITHOUT_DEFAULT, message, choice.path)


_ORDER: Final[dict[str, Callable[[int, int], bool]]] = {
    "Equals": lambda region, literal: region == literal,
    "LessThan": lambda region, literal: region < literal,
    "LessThanEquals": lambda region, literal: region <= literal,
    "GreaterThan": lambda region, literal: region > literal,
    "GreaterThanEquals": lambda region, literal: region >= literal,
}
_FAMILIES = ("Numeric", "String", "Timestamp")


class Reader(Struct):
    """Reads conditions as tests on regions. A subject without literals is a fact: region 1 is true, 0 false."""

    literals: dict[Subject, dict[Json, int]] = field(default_factory=dict)
    """What each subject is compared with, and which region that is, once all are known."""

    def rank(self) -> None:
        """Number the literals: regions with even numbers lie between them."""
        for ranks in self.literals.values():
            for number, literal in enumerate(sorted(ranks, key=_ordered)):
                ranks[literal] = 2 * number + 1

    def regions(self, subject: Subject) -> range:
        """The regions of a subject, the one above all literals first: around and at each literal, in their order."""
        count = len(self.literals[subject])
        return range(2 * count, -1, -1) if count else range(2)

    def condition(self, condition: model.ChoiceCondition) -> Test:
        """The condition of a rule, of either language."""
        match condition:
            case model.And(rules=rules):
                tests = [self.condition(rule) for rule in rules]
                return lambda regions: all(test(regions) for test in tests)
            case model.Or(rules=rules):
                tests = [self.condition(rule) for rule in rules]
                return lambda regions: any(test(regions) for test in tests)
            case model.Not(rule=rule):
                inner = self.condition(rule)
                return lambda regions: not inner(regions)
            case model.Comparison():
                return self.comparison(condition)
            case model.JsonataCondition(expression=bool() as value):
                return lambda _: value
            case model.JsonataCondition(expression=text):
                from statemachine.program.analysis.jsonata_conditions import read_condition  # only if it is used

                return read_condition(self, str(text))

    def comparison(self, test: model.Comparison) -> Test:
        """A data test of a JSONPath rule."""
        operator, operand = test.operator, test.operand
        if operator == "BooleanEquals" or operator.startswith("Is"):
            fact = self.fact((test.variable, operator))
            return fact if operand is True else lambda regions: not fact(regions)
        if operator == "StringMatches" and operand and not operand.strip("*"):
            return lambda _: True
        by_path = operator.endswith("Path")
        for family in _FAMILIES:
            relation = operator.removeprefix(family).removesuffix("Path")
            if operator.startswith(family) and relation in _ORDER:
                subject = (test.variable, family, operand) if by_path else (test.variable, family)
                return self.order(subject, relation, operand)
        return self.fact((test.variable, operator, operand))

    def fact(self, subject: Subject) -> Test:
        """Something that is true or not."""
        self.literals.setdefault(subject, {})
        return lambda regions: regions[subject] == 1

    def order(self, subject: Subject, relation: str, literal: Json) -> Test:
        """A comparison with a literal, or with whatever another path or expression gives."""
        ranks = self.literals.setdefault(subject, {})
        ranks[literal] = 0
        holds = _ORDER[relation]
        return lambda regions: holds(regions[subject], ranks[literal])


def _ordered(literal: Json) -> tuple[str, Json]:
    return ("", literal) if isinstance(literal, int | float) else (type(literal).__name__, literal)
