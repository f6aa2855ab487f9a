"""Lowering: a definition with compensation as one in plain Amazon States Language, for AWS (docs/compensation.md).

How
- A block keeps what has completed in a variable, a list with each state's input and output. A state with CompensateWith
  gets one Pass before it, which keeps its input, and one after it, which adds to the list.
- Whatever fails goes to a Choice that takes the last of the list, runs its path, and comes back; when the list is empty
  it goes where the failure would have gone: to the catcher's Next, or to a Fail with the original error.
- A variable cannot leave its block. So a branch or iteration that keeps such a list never fails: it ends with an
  envelope of its output, or of its failure, and of its list, which the block around it unpacks. The paths of inner
  blocks are copied to where they are run.
- Generated states are in JSONata, which a state may be in any machine; what was written stays in its language.

What cannot be done exactly is refused (`REFUSED`), or said (`DIFFERS`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.fields import STATE_NAME_LENGTH_MAX
from statemachine.errors import ALL
from statemachine.jsonvalue import Json
from statemachine.program.lowering_texts import (
    EARLIER,
    OUTPUTS,
    below,
    matches,
    of_catcher,
    of_path,
    of_result,
    quoted,
    reads_context,
    rewritten,
    texts,
)

REFUSED: Final = "SM_LOWER_REFUSED"
DIFFERS: Final = "SM_LOWER_DIFFERS"

State = dict[str, Any]
States = dict[str, State]

_DATA_FLOW: Final = ("ResultSelector", "ResultPath", "OutputPath", "Output", "Assign", "Catch", "CompensateWith", "End")
"""What a Parallel or Map leaves to the state that unpacks its envelopes."""


def lower(definition: dict[str, Json]) -> tuple[dict[str, Json] | None, list[Diagnostic]]:
    """The definition without extensions; None if a finding is an ERROR. The definition itself must be valid."""
    machine = _Machine(definition)
    block = {"StartAt": definition["StartAt"], "States": definition["States"]}
    machine.check()
    if any(each.severity is Severity.ERROR for each in machine.found):
        return None, machine.found
    lowered = _Block(machine, block, None).lower() if is_compensated(block) else block
    return {**definition, **lowered}, machine.found


def is_compensated(block: dict[str, Any]) -> bool:
    """Whether a block, or one inside it, uses the extension."""
    return any(
        "CompensateWith" in state or any("Compensate" in each for each in state.get("Catch", ()))
        for _, state in _walk(block, ())
    )


def _walk(block: dict[str, Any], path: JsonPath) -> Iterator[tuple[JsonPath, State]]:
    """All states of a block and of those inside it."""
    for name, state in block["States"].items():
        yield (*path, "States", name), state
        for at, inner in _inner(state):
            yield from _walk(inner, (*path, "States", name, *at))


def _inner(state: State) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    for index, each in enumerate(state.get("Branches", ())):
        yield ("Branches", index), each
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield (key,), state[key]


def _is_open(state: State) -> bool:
    """Whether blocks inside a state keep lists of their own."""
    return any(is_compensated(inner) for _, inner in _inner(state))


def _transitions(state: State) -> list[str]:
    targets = [state.get("Next"), state.get("Default")]
    targets += [each["Next"] for each in (*state.get("Choices", ()), *state.get("Catch", ()))]
    return [each for each in targets if each is not None]


def _reached(states: States, starts: list[str]) -> dict[str, None]:
    reached: dict[str, None] = {}
    todo = list(reversed(starts))
    while todo:
        name = todo.pop()
        if name not in reached:
            reached[name] = None
            todo += reversed(_transitions(states[name]))
    return reached


class _Machine(Struct):
    """What all blocks share: names, findings, the machine's language."""

    definition: dict[str, Any]
    found: list[Diagnostic] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    blocks: int = 0

    def __post_init__(self) -> None:
        self.names = {str(path[-1]) for path, _ in _walk(self.definition, ())}

    @property
    def jsonata(self) -> bool:
        return self.definition.get("QueryLanguage") == "JSONata"

    def is_jsonata(self, state: State) -> bool:
        return bool(state.get("QueryLanguage", self.definition.get("QueryLanguage")) == "JSONata")

    def name(self, base: str, suffix: str) -> str:
        """A name that no other state has."""
        half = STATE_NAME_LENGTH_MAX // 2 - 4
        name = f"{base[:half]} ({suffix[:half]})"
        while name in self.names:
            name += "'"
        self.names.add(name)
        return name

    def generated(self, type_name: str, **fields: Any) -> State:
        """A state of ours, in JSONata."""
        return {"Type": type_name, **({} if self.jsonata else {"QueryLanguage": "JSONata"}), **fields}

    def check(self) -> None:
        """Report what cannot be lowered."""
        assigned = {
            key.removesuffix(".$")
            for _, state in _walk(self.definition, ())
            for each in (state, *state.get("Catch", ()), *state.get("Choices", ()))
            for key in each.get("Assign", {})
        }
        if is_compensated(self.definition) and "TimeoutSeconds" in self.definition:
            message = "AWS ends an execution that times out at once: nothing is compensated"
            self.found.append(Diagnostic(DIFFERS, message, ("TimeoutSeconds",), Severity.WARNING))
        for path, state in _walk(self.definition, ()):
            if _is_open(state):
                self._check_open(path, state)
        for path, block in _all_blocks(self.definition, ()):
            states = block["States"]
            targets = [each["CompensateWith"] for each in states.values() if "CompensateWith" in each]
            for name in _reached(states, targets):
                self._check_path((*path, "States", name), states[name], assigned)

    def _refuse(self, path: JsonPath, message: str) -> None:
        self.found.append(Diagnostic(REFUSED, message, path))

    def _check_open(self, path: JsonPath, state: State) -> None:
        if state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            self._refuse(path, "What is compensated inside a distributed Map cannot be told to the execution around it")
        if "Retry" in state:
            self._refuse((*path, "Retry"), "A state whose blocks are compensated no longer fails: it cannot be retried")
        message = "When one of its blocks fails, the others are not cut short: what they then do is undone as well"
        self.found.append(Diagnostic(DIFFERS, message, path, Severity.WARNING))

    def _check_path(self, path: JsonPath, state: State, assigned: set[str]) -> None:
        states = [(path, state), *(each for at, inner in _inner(state) for each in _walk(inner, (*path, *at)))]
        for at, each in states:
            if any("Assign" in place for place in (each, *each.get("Catch", ()), *each.get("Choices", ()))):
                self._refuse(at, "A compensation path that assigns variables would change those of the block")
            read = {name for text in texts(each) for name in re.findall(r"\$([A-Za-z_]\w*)", text)}
            for name in sorted(read & assigned):
                self._refuse(at, f"A compensation path that reads the variable '{name}' would see its last value")
            if each["Type"] == "Map" and reads_context("Map", " ".join(texts(each))):
                self._refuse(at, "Whether Map in the context object is that of the path or of the state is not clear")


def _all_blocks(block: dict[str, Any], path: JsonPath) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    yield path, block
    for name, state in block["States"].items():
        for at, inner in _inner(state):
            yield from _all_blocks(inner, (*path, "States", name, *at))


class _Block:
    """One block being lowered."""

    def __init__(self, machine: _Machine, block: dict[str, Any], around: State | None) -> None:
        self._machine = machine
        self._around = around
        self._written: States = block["States"]
        self._rest = {key: value for key, value in block.items() if key not in ("StartAt", "States")}
        self._start_at: str = block["StartAt"]
        machine.blocks += 1
        number = machine.blocks
        self._base = f"Block {number}"
        self._variables = {
            name: f"{name}_{number}"
            for name in ("completed", "entry", "compensation", "iteration", "failure", "resume", "held")
        }
        self._states: States = {}
        self._resumes: list[State] = []
        self._paths: dict[str, tuple[str, States]] = {}
        """State -> where its path begins, and the states of the path; those of inner blocks too."""
        self._inputs: dict[str, str] = {}
        self._new = {
            name: machine.name(self._base, name) for name in ("begin", "end", "failed", "compensate", "compensated")
        }
        self._entries = {name: self._entry(name, state) for name, state in self._written.items()}

    @property
    def paths(self) -> dict[str, tuple[str, States]]:
        """What the block around this one must be able to run."""
        return self._paths

    def lower(self) -> dict[str, Any]:
        """The block in plain ASL."""
        targets = [each["CompensateWith"] for each in self._written.values() if "CompensateWith" in each]
        in_paths = _reached(self._written, targets)
        for name, state in self._written.items():
            if "CompensateWith" in state:
                target = state["CompensateWith"]
                self._paths[name] = (target, {each: self._written[each] for each in _reached(self._written, [target])})
        begun: State = {self._variables["completed"]: []}
        self._put(self._new["begin"], "Pass", Assign=begun, Next=self._entries[self._start_at])
        for name, state in self._written.items():
            if name not in in_paths:
                self._state(name, copy.deepcopy(state))
        self._ends()
        reached = _reached(self._states, [self._new["begin"]])  # if nothing fails, say, nothing is undone
        states = {name: state for name, state in self._states.items() if name in reached}
        return {**self._rest, "StartAt": self._new["begin"], "States": states}

    def _put(self, name: str, type_name: str, **fields: Any) -> None:
        self._states[name] = self._machine.generated(type_name, **fields)

    def _entry(self, name: str, state: State) -> str:
        """The state to which a transition to this one leads."""
        if "CompensateWith" in state or _is_open(state):
            self._inputs[name] = f"input_{self._machine.blocks}_{len(self._inputs)}"
            return self._machine.name(name, "input")
        return self._machine.name(name, "fails") if state["Type"] == "Fail" else name

    # -- the states of the block -------------------------------------------------------------------------------

    def _state(self, name: str, state: State) -> None:
        for each in (state, *state.get("Choices", ())):
            for key in ("Next", "Default"):
                if key in each:
                    each[key] = self._entries[each[key]]
        if state["Type"] == "Fail":
            self._fail(name, state)
            return
        if state["Type"] == "Succeed" and self._around is not None:
            state |= {"Type": "Pass", "Next": self._new["end"]}
        elif state.pop("End", False):
            self._to_end(state)
        if name in self._inputs:
            kept = {self._inputs[name]: "{% $states.input %}"}
            self._put(self._entries[name], "Pass", Assign=kept, Next=name)
        if "CompensateWith" in state:
            self._completed(name, state)
        if _is_open(state):
            self._opened(name, state)
        elif state["Type"] in ("Task", "Parallel", "Map"):
            self._caught(name, state)
        self._states[name] = state

    def _to_end(self, state: State) -> None:
        state |= {"End": True} if self._around is None else {"Next": self._new["end"]}

    def _completed(self, name: str, state: State) -> None:
        """Add a state that has completed to the list."""
        del state["CompensateWith"]
        after = self._machine.name(name, "completed")
        entry = {"State": name, "Input": f"{{% ${self._inputs[name]} %}}", "Output": "{% $states.input %}"}
        entry |= {"Time": "{% $millis() %}", "Map": "{% $exists($states.context.Map) ? $states.context.Map : null %}"}
        kept = self._variables["completed"]
        added = self._variables["entry"]
        way = {key: state.pop(key) for key in ("Next", "End") if key in state}
        listed = self._machine.name(name, "listed")
        self._put(after, "Pass", Assign={added: entry}, Next=listed)
        self._put(listed, "Pass", Assign={kept: f"{{% $append(${kept}, [${added}]) %}}"}, **way)
        state["Next"] = after

    def _fail(self, name: str, state: State) -> None:
        """Keep the failure; at the root the Fail itself comes after what is undone."""
        failure = self._variables["failure"]
        told: State = {}
        for key in ("Error", "Cause"):
            if f"{key}Path" in state:
                told[f"{key}.$"] = state[f"{key}Path"]
            else:
                told[key] = state.get(key)
        language = {key: state[key] for key in ("QueryLanguage",) if key in state}
        plain = {"Type": "Pass", **language, "Assign": {failure: told}}
        if self._around is not None:
            self._states[self._entries[name]] = {**plain, "Next": self._new["failed"]}
            return
        held = self._machine.name(name, "held")
        self._states[self._entries[name]] = {**plain, "Next": held}
        self._hold(held, held, name)
        self._states[name] = state

    def _hold(self, name: str, resume: str, target: str) -> None:
        """Keep the input, undo what has completed, and go to a state with that input."""
        variables = self._variables
        kept = {variables["held"]: "{% $states.input %}", variables["resume"]: resume}
        self._put(name, "Pass", Assign=kept, Next=self._new["compensate"])
        condition = f"{{% ${variables['resume']} = {quoted(resume)} %}}"
        self._resumes.append({"Condition": condition, "Output": f"{{% ${variables['held']} %}}", "Next": target})

    def _caught(self, name: str, state: State) -> None:
        """Let no failure leave the block without being noted."""
        for index, catcher in enumerate(state.get("Catch", ())):
            target = self._entries[catcher["Next"]]
            if catcher.pop("Compensate", False):
                catcher["Next"] = self._machine.name(name, f"caught {index + 1}")
                catcher["Assign"] = {**catcher.get("Assign", {}), **self._noted(state)}
                self._hold(catcher["Next"], catcher["Next"], target)
            else:
                catcher["Next"] = target
        if not any(ALL in each["ErrorEquals"] for each in state.get("Catch", ())):
            last = {"ErrorEquals": [ALL], "Assign": self._noted(state), "Next": self._new["failed"]}
            state["Catch"] = [*state.get("Catch", ()), last]

    def _noted(self, state: State) -> dict[str, Json]:
        failure = self._variables["failure"]
        if self._machine.is_jsonata(state):
            return {failure: "{% $states.errorOutput %}"}
        return {f"{failure}.$": "$"}

    # -- states with blocks that keep lists --------------------------------------------------------------------

    def _opened(self, name: str, state: State) -> None:
        """Unpack the envelopes, then do what the state would have done."""
        jsonata = self._machine.is_jsonata(state)
        written: State = {key: state.pop(key) for key in _DATA_FLOW if key in state}
        after = {"Next": state.pop("Next")} if "Next" in state else {"End": True}
        for at, inner in list(_inner(state)):
            lowered = self._lowered_inner(state, inner)
            if at[0] == "Branches":
                state["Branches"][at[1]] = lowered
            else:
                state[str(at[0])] = lowered
        results, outcome, exit = (self._machine.name(name, each) for each in ("results", "outcome", "exit"))
        state |= {"Next": results, "Catch": [{"ErrorEquals": [ALL], "Assign": self._noted(state), "Next": outcome}]}
        completed, failure = self._variables["completed"], self._variables["failure"]
        raw = f"{{% ${self._inputs[name]} %}}"
        self._put(
            results,
            "Pass",
            Assign={
                completed: f"{{% $append(${completed}, $sort([$states.input.completed], {EARLIER})) %}}",
                failure: f"{{% ($first := $sort([$states.input[ok = false]], {EARLIER})[0]; "
                "$exists($first) ? $first.failure : null) %}",
            },
            Output={"raw": raw, "result": OUTPUTS},
            Next=outcome,
        )
        rules = [{"Condition": f"{{% ${failure} = null %}}", "Next": exit}]
        for index, catcher in enumerate(written.get("Catch", ())):
            rules.append(self._outer_catcher(name, index, catcher, raw, jsonata=jsonata))
        self._put(outcome, "Choice", Choices=rules, Default=self._new["failed"])
        self._states[exit] = self._exit(state, written, after, jsonata=jsonata)

    def _lowered_inner(self, state: State, inner: dict[str, Any]) -> dict[str, Any]:
        block = _Block(self._machine, inner, state)
        lowered = block.lower()
        self._paths |= block.paths
        return lowered

    def _outer_catcher(self, name: str, index: int, catcher: State, raw: str, *, jsonata: bool) -> State:
        failure = self._variables["failure"]
        target = self._entries[catcher["Next"]]
        caught = self._machine.name(name, f"caught {index + 1}")
        if catcher.get("Compensate"):
            held = self._machine.name(name, f"held {index + 1}")
            self._hold(held, held, target)
            target = held
        assign = {"Assign": catcher["Assign"]} if "Assign" in catcher else {}
        if jsonata:
            fields = {"Output": catcher.get("Output", "{% $states.errorOutput %}"), **assign}
            self._put(caught, "Pass", **rewritten(fields, of_catcher), Next=target)
        else:
            flow = {"InputPath": "$.error", "ResultPath": below("$.raw", catcher.get("ResultPath", "$"))}
            self._states[caught] = {"Type": "Pass", **flow, "OutputPath": "$.raw", **assign, "Next": target}
        condition = f"{{% ${failure} != null and ({matches(catcher['ErrorEquals'], f'${failure}.Error')}) %}}"
        return {"Condition": condition, "Output": {"raw": raw, "error": f"{{% ${failure} %}}"}, "Next": caught}

    def _exit(self, state: State, written: State, after: State, *, jsonata: bool) -> State:
        assign = {"Assign": written["Assign"]} if "Assign" in written else {}
        if jsonata:
            fields = {"Output": written.get("Output", "{% $states.result %}"), **assign}
            return self._machine.generated("Pass", **rewritten(fields, of_result), **after)
        selector = {"Parameters": written["ResultSelector"]} if "ResultSelector" in written else {}
        flow = {
            "InputPath": "$.result",
            **selector,
            "ResultPath": below("$.raw", written.get("ResultPath", "$")),
            "OutputPath": below("$.raw", written.get("OutputPath", "$")),
        }
        language = {key: state[key] for key in ("QueryLanguage",) if key in state}
        return {"Type": "Pass", **language, **flow, **assign, **after}

    # -- ends --------------------------------------------------------------------------------------------------

    def _ends(self) -> None:
        variables = self._variables
        completed = f"{{% ${variables['completed']} %}}"
        if self._resumes:
            self._states[self._new["begin"]]["Assign"] |= {variables["held"]: None, variables["resume"]: ""}
        if self._around is not None:
            envelope = {"ok": True, "output": "{% $states.input %}", "completed": completed}
            self._put(self._new["end"], "Pass", Output=envelope, End=True)
            failed = {"ok": False, "failure": f"{{% ${variables['failure']} %}}", "completed": completed}
            self._put(self._new["failed"], "Pass", Output={**failed, "Time": "{% $millis() %}"}, End=True)
            if self._resumes:
                self._dispatcher(self._new["failed"])
        else:
            self._dispatcher(self._root_fails())

    def _root_fails(self) -> str:
        """The end with the original error; where it begins. A Fail takes no null: there is one for each case."""
        variables, machine = self._variables, self._machine
        resume = {"Assign": {variables["resume"]: ""}} if self._resumes else {}
        self._put(self._new["failed"], "Pass", **resume, Next=self._new["compensate"])
        failure = f"${variables['failure']}"
        told = {"Error": f"{{% {failure}.Error %}}", "Cause": f"{{% {failure}.Cause %}}"}
        no_error, no_cause = f"{failure}.Error = null", f'({failure}.Cause = null or {failure}.Cause = "")'
        rules = []
        for condition, keys in (
            (f"{no_error} and {no_cause}", ()),
            (no_error, ("Cause",)),
            (no_cause, ("Error",)),
            ("true", ("Error", "Cause")),
        ):
            name = machine.name(self._base, f"fail with {' and '.join(keys) or 'nothing'}")
            self._put(name, "Fail", **{key: told[key] for key in keys})
            rules.append({"Condition": f"{{% {condition} %}}", "Next": name})
        choose = machine.name(self._base, "fails")
        self._put(choose, "Choice", Choices=rules[:-1], Default=rules[-1]["Next"])
        return choose

    def _dispatcher(self, otherwise: str) -> None:
        """Run the path of the last that has completed; when none is left, resume, or go to `otherwise`."""
        variables = self._variables
        completed, failure = (f"${variables[each]}" for each in ("completed", "failure"))
        last = f"{completed}[-1]"
        told = {key: f'{{% $lookup({last}, "{key}") %}}' for key in ("State", "Input", "Output")}
        told["Error"] = f"{{% {failure}.Error %}}"
        told["Cause"] = f'{{% {failure}.Cause = "" ? null : {failure}.Cause %}}'
        left = f"{{% [{completed}[[0..$count({completed}) - 2]]] %}}"
        rules: list[State] = []
        for name, (target, states) in self._paths.items():
            begin = self._path(name, target, states)
            condition = f"{{% $count({completed}) > 0 and {last}.State = {quoted(name)} %}}"
            assign: State = {variables["completed"]: left}
            read = " ".join(texts(states))
            if reads_context("Compensation", read):
                assign[variables["compensation"]] = told
            if reads_context("Map", read):
                assign[variables["iteration"]] = f'{{% $lookup({last}, "Map") %}}'
            output = f'{{% $lookup({last}, "Output") %}}'
            rules.append({"Condition": condition, "Assign": assign, "Output": output, "Next": begin})
        if not rules:  # catchers want something undone where nothing is
            rules.append({"Condition": False, "Next": otherwise})
        done = self._new["compensated"] if self._resumes else otherwise
        self._put(self._new["compensate"], "Choice", Choices=rules, Default=done)
        if self._resumes:
            self._put(done, "Choice", Choices=self._resumes, Default=otherwise)

    def _path(self, name: str, target: str, states: States) -> str:
        """A copy of a path that comes back to the dispatcher; the name of its first state."""
        names = {each: self._machine.name(each, f"undoes {name}") for each in states}
        variables = {"Compensation": self._variables["compensation"], "Map": self._variables["iteration"]}
        for each, written in states.items():
            state = rewritten(copy.deepcopy(written), lambda text: of_path(text, variables))
            self._rename_inner(state, name)
            for place in (state, *state.get("Choices", ()), *state.get("Catch", ())):
                for key in ("Next", "Default"):
                    if key in place:
                        place[key] = names[place[key]]
            if state["Type"] == "Fail":
                state = self._machine.generated("Pass")
            if state["Type"] in ("Pass", "Succeed") and "Next" not in state:
                state |= {"Type": "Pass", "Next": self._new["compensate"]}
            if state.pop("End", False):
                state["Next"] = self._new["compensate"]
            catchers = state.get("Catch", [])
            if state["Type"] in ("Task", "Parallel", "Map") and not any(ALL in c["ErrorEquals"] for c in catchers):
                state["Catch"] = [*catchers, {"ErrorEquals": [ALL], "Next": self._new["compensate"]}]
            self._states[names[each]] = state
        return names[target]

    def _rename_inner(self, state: State, undone: str) -> None:
        """State names are unique in a whole machine."""
        for _, inner in _inner(state):
            names = {each: self._machine.name(each, f"undoes {undone}") for each in inner["States"]}
            inner["StartAt"] = names[inner["StartAt"]]
            inner["States"] = {names[each]: found for each, found in inner["States"].items()}
            for found in inner["States"].values():
                for place in (found, *found.get("Choices", ()), *found.get("Catch", ())):
                    for key in ("Next", "Default"):
                        if key in place:
                            place[key] = names[place[key]]
                self._rename_inner(found, undone)
