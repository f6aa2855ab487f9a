"""The data flow of a state over shapes, in both query languages: what goes out of it by each of its ways.

The order is that of `program.dataflow`, `program.jsonata` and the state handlers of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.structure import is_expression
from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.jsonpath import compile_reference_path
from statemachine.jsonvalue import Json
from statemachine.program.analysis.forms import Root, Select, read_jsonpath
from statemachine.program.analysis.graph import Way, is_distributed
from statemachine.program.analysis.interpreter import (
    VARIABLES_PER_NODE,
    Entry,
    Exits,
    Flow,
    Interpreter,
    Scene,
    Variables,
)
from statemachine.program.analysis.shapes import (
    OPEN,
    SCALAR,
    TEXT,
    Shape,
    array_of,
    join,
    literal,
    made_object,
    write,
)
from statemachine.program.analysis.texts import VALUE_PATHS, VALUES, condition_texts, tests_for_presence
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource

ERROR_OUTPUT: Final = made_object({"Error": TEXT, "Cause": TEXT})
_RESULTS: Final[dict[str, Shape]] = {
    "lambda:invoke": made_object(
        {
            **dict.fromkeys(("ExecutedVersion", "FunctionError", "LogResult"), TEXT),
            "Payload": OPEN,
            "SdkHttpMetadata": OPEN,
            "SdkResponseMetadata": OPEN,
            "StatusCode": SCALAR,
        },
        size=2,
    ),
}
"""What a request to an integration returns, where its members are known (API reference, Invoke)."""


def jsonpath_flow(run: Interpreter, state: model.State, entry: Entry, ways: tuple[Way, ...]) -> Exits:
    """A JSONPath state."""
    path, raw, variables = state.path, entry.input, entry.variables
    effective = run.path(state.input_path, (*path, "InputPath"), _document(raw, variables))
    seen = _document(effective, variables)
    for attribute, name in VALUE_PATHS.get(type(state), ()):
        text = getattr(state, attribute)
        if text is not None:
            run.expression(text, (*path, name), seen)
    match state:
        case model.Fail():
            return Exits([], None)
        case model.Choice():
            _ask(run, state, seen)
            output = run.path(state.output_path, (*path, "OutputPath"), seen)
            return Exits([_leave(run, state, way, output, seen) for way in ways], None)
        case model.Succeed() | model.Wait():
            result = effective
        case model.Pass():
            result = _passed(run, state, effective, seen)
        case model.Task() | model.Parallel() | model.Map():
            result = _worked(run, state, effective, seen)
    if state.result_selector is not ABSENT:
        result = run.template(state.result_selector, (*path, "ResultSelector"), _document(result, variables))
    assigned = _assigned(run, state.assign, (*path, "Assign"), _document(result, variables))
    output = _written(run, state.result_path, raw, result)
    output = run.path(state.output_path, (*path, "OutputPath"), _document(output, variables))
    run.payload(output, raw, path, "The output")
    caught = None
    exits = []
    for way in ways:
        if isinstance(way.by, model.Catcher):
            caught = caught or _document(ERROR_OUTPUT, variables)
            entered = _written(run, way.by.result_path, raw, ERROR_OUTPUT)
            added = _assigned(run, way.by.assign, (*way.by.path, "Assign"), caught)
            exits.append(Entry(entered, _with(run, variables, added)))
        else:
            exits.append(Entry(output, _with(run, variables, assigned)))
    return Exits(exits, output if state.next is None else None)


def jsonata_flow(run: Interpreter, state: model.State, entry: Entry, ways: tuple[Way, ...]) -> Exits:
    """A JSONata state."""
    path, raw, variables = state.path, entry.input, entry.variables
    seen = Scene(QueryLanguage.JSONATA, {Root.INPUT: raw}, variables)
    for attribute, name in VALUES.get(type(state), ()):
        text = getattr(state, attribute)
        if is_expression(text):
            run.expression(text, (*path, name), seen)
    result, after = raw, seen
    match state:
        case model.Fail():
            return Exits([], None)
        case model.Choice():
            for rule in state.choices:
                for text, place in condition_texts(rule.condition):
                    run.expression(text, place, seen)
        case model.Task() | model.Parallel() | model.Map():
            result = _worked(run, state, raw, seen)
            after = Scene(QueryLanguage.JSONATA, {Root.INPUT: raw, Root.RESULT: result}, variables)
        case _:
            pass
    own = _jsonata_exit(run, state.output, state.assign, path, result, after)
    run.payload(own.input, raw, path, "The output")
    exits = []
    for way in ways:
        match way.by:
            case None:
                exits.append(own)
            case model.Catcher() as by:
                caught = Scene(QueryLanguage.JSONATA, {Root.INPUT: raw, Root.ERROR_OUTPUT: ERROR_OUTPUT}, variables)
                exits.append(_jsonata_exit(run, by.output, by.assign, by.path, ERROR_OUTPUT, caught))
            case by:
                exits.append(_jsonata_exit(run, by.output, by.assign, by.path, raw, seen))
    is_last = state.next is None and not isinstance(state, model.Choice)
    return Exits(exits, own.input if is_last else None)


FLOWS: Final[Mapping[QueryLanguage, Flow]] = MappingProxyType(
    {QueryLanguage.JSONPATH: jsonpath_flow, QueryLanguage.JSONATA: jsonata_flow}
)


# --- the parts --------------------------------------------------------------------------------------------------------


def _document(shape: Shape, variables: Variables) -> Scene:
    return Scene(QueryLanguage.JSONPATH, {Root.DOCUMENT: shape}, variables)


def _written(run: Interpreter, result_path: str | None, raw: Shape, result: Shape) -> Shape:
    """ResultPath."""
    if result_path is None:
        return raw
    if result_path == "$":
        return result
    try:
        return write(raw, compile_reference_path(result_path).steps, result, run.budget)
    except ExpressionSyntaxError:
        return OPEN


def _assigned(run: Interpreter, assign: Json, place: JsonPath, scene: Scene) -> Mapping[str, Shape]:
    """What an Assign makes, by variable."""
    if not isinstance(assign, dict):
        return {}
    made = run.template(assign, place, scene).members
    for name, shape in made.items():
        run.payload(shape, SCALAR, place, f"The variable '{name}'")
    return made


def _passed(run: Interpreter, state: model.Pass, effective: Shape, seen: Scene) -> Shape:
    if state.result is not ABSENT:
        return literal(state.result, run.budget)
    if state.parameters is not ABSENT:
        return run.template(state.parameters, (*state.path, "Parameters"), seen)
    return effective


def _ask(run: Interpreter, state: model.Choice, seen: Scene) -> None:
    """The conditions of a JSONPath Choice: what IsPresent asks for may be missing."""
    asked = []
    for rule in state.choices:
        for text in tests_for_presence(rule.condition):
            form = read_jsonpath(text).form
            if isinstance(form, Select):
                asked.append(form)
    for rule in state.choices:
        for text, place in condition_texts(rule.condition):
            for select in read_jsonpath(text).reads:
                run.selected(select, place, seen, tuple(asked))


def _leave(run: Interpreter, state: model.Choice, way: Way, output: Shape, seen: Scene) -> Entry:
    by = state if way.by is None else way.by
    added = _assigned(run, by.assign, (*by.path, "Assign"), seen)
    return Entry(output, _with(run, seen.variables, added))


def _jsonata_exit(
    run: Interpreter, output: Json, assign: Json, path: JsonPath, otherwise: Shape, scene: Scene
) -> Entry:
    """Assign and Output; without Output it is `otherwise`."""
    added = _assigned(run, assign, (*path, "Assign"), scene)
    made = otherwise if output is ABSENT else run.template(output, (*path, "Output"), scene)
    return Entry(made, _with(run, scene.variables, added))


def _with(run: Interpreter, variables: Variables, added: Variables) -> Variables:
    if not added:
        return variables
    run.budget.take(len(variables) // VARIABLES_PER_NODE)
    return {**variables, **added}


def _worked(run: Interpreter, state: model.Task | model.Parallel | model.Map, effective: Shape, seen: Scene) -> Shape:
    """The result of a state's work, from its arguments."""
    if isinstance(state, model.Map):
        return _mapped(run, state, effective, seen)
    given, name = (
        (state.parameters, "Parameters") if seen.language is QueryLanguage.JSONPATH else (state.arguments, "Arguments")
    )
    arguments = effective
    if given is not ABSENT:
        place = (*state.path, name)
        arguments = run.template(given, place, seen)
        run.payload(arguments, effective, place, "What the state is given")
    if isinstance(state, model.Task):
        if state.credentials is not ABSENT:
            run.template(state.credentials, (*state.path, "Credentials"), seen)
        resource = parse_resource(state.resource)
        if resource.kind is ResourceKind.SERVICE and resource.pattern is IntegrationPattern.REQUEST_RESPONSE:
            return _RESULTS.get(f"{resource.type}:{resource.action}", OPEN)
        return OPEN
    outputs = [run.inner(branch, Entry(arguments, seen.variables)) for branch in state.branches]
    element = outputs[0]
    for each in outputs[1:]:
        element = join(element, each, run.budget)
    return array_of(element, len(outputs), 1 + len(outputs) + sum(each.size for each in outputs))


def _mapped(run: Interpreter, state: model.Map, effective: Shape, seen: Scene) -> Shape:
    """The outputs of the iterations."""
    distributed = is_distributed(state)
    items = OPEN
    if state.item_reader is ABSENT:
        items = _items(run, state, effective, seen)
    run.lengths[state.path] = items.length
    item = items.element if items.element is not None and not items.is_open else OPEN
    selector = state.item_selector
    if selector is not ABSENT:
        name = "Parameters" if selector is state.parameters else "ItemSelector"
        item = run.template(selector, (*state.path, name), seen)
    if state.item_batcher is not ABSENT:
        item = OPEN
    variables: Variables = {} if distributed else seen.variables
    output = run.inner(state.processor.branch, Entry(item, variables))
    if distributed:
        return OPEN if state.result_writer is not ABSENT else array_of(output, None)
    return array_of(output, items.length)


def _items(run: Interpreter, state: model.Map, effective: Shape, seen: Scene) -> Shape:
    if seen.language is QueryLanguage.JSONPATH:
        return run.path(state.items_path or "$", (*state.path, "ItemsPath"), seen)
    if state.items is ABSENT:
        return effective
    return run.template(state.items, (*state.path, "Items"), seen)
