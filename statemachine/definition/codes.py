"""Every code of a finding: what it means, why it matters, and how to mend it.

Rules
- A code that AWS has (ValidateStateMachineDefinition, CreateStateMachine) is AWS's; our own start with ``SM_``.
- `statemachine explain CODE`, the SARIF rules, ``--select`` and ``--ignore`` and the documentation read this table; a
  finding with a code that is not in it is a fault that a test finds.
- An ERROR is what AWS refuses (or what cannot be run here); a WARNING is what AWS accepts and is probably wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from statemachine.definition.diagnostics import Severity


class Rule(Struct, frozen=True, kw_only=True):
    """What one code stands for."""

    code: str
    severity: Severity
    """Of its findings, unless configured otherwise."""
    title: str
    """What is wrong, in one line without a full stop."""
    explanation: str
    """When it is reported and what happens at run time."""
    fix: str
    """What to do, as a sentence."""
    source: str
    """Where the rule comes from: a section of the specification, a page of AWS, a fact's id, or "extension"."""


_API: Final = "API reference, ValidateStateMachineDefinitionDiagnostic"
_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

_RULES: Final[tuple[Rule, ...]] = (
    # --- the text -------------------------------------------------------------------------------------------------
    Rule(
        code="INVALID_JSON_DESCRIPTION",
        severity=_ERROR,
        title="The definition is not JSON",
        explanation=(
            "A JSON text cannot be read: a comma or bracket is missing or too many, a string is not closed, a number "
            "or word is no JSON value. Nothing else can be said about the definition until it can be read."
        ),
        fix="Mend the text where the finding stands; JSON has no comments, no single quotes and no trailing comma.",
        source=_API,
    ),
    Rule(
        code="SM_INVALID_YAML",
        severity=_ERROR,
        title="The definition is not YAML, or uses what a definition cannot use",
        explanation=(
            "A YAML text cannot be read, or is more than data: a tag, a merge key, a second document, a key that is no "
            "string. Definitions are read by the core schema of YAML 1.2, so that `on`, `010` and dates stay strings."
        ),
        fix="Mend the text where the finding stands; put a text that looks like something else in quotes.",
        source="YAML 1.2, section 10.3",
    ),
    Rule(
        code="SM_INVALID_ENCODING",
        severity=_ERROR,
        title="The definition is not UTF-8",
        explanation="The bytes of the file are no UTF-8 text, or the text holds half of a surrogate pair.",
        fix="Save the file as UTF-8.",
        source="RFC 8259, section 8.1",
    ),
    Rule(
        code="SM_DUPLICATE_KEY",
        severity=_ERROR,
        title="A key occurs twice in one object",
        explanation=(
            "JSON readers keep one of two equal keys and drop the other without a word, so that a state, a field or a "
            "whole branch may be missing from what runs."
        ),
        fix="Rename or remove one of the two.",
        source="RFC 8259, section 4",
    ),
    Rule(
        code="SM_TOO_LARGE",
        severity=_ERROR,
        title="The definition is too large",
        explanation=(
            "A definition has at most 1 MiB, and a bounded number of values, counted with YAML's aliases expanded."
        ),
        fix="Move parts of the workflow into state machines of their own, or data into the input.",
        source="developer guide, Quotas",
    ),
    Rule(
        code="SM_UNREADABLE_FILE",
        severity=_ERROR,
        title="The file cannot be read",
        explanation="The file that was named does not exist, is a directory, or may not be read.",
        fix="Check the path and the file's permissions.",
        source="statemachine validate",
    ),
    Rule(
        code="SM_PLACEHOLDER",
        severity=_ERROR,
        title="A placeholder keeps the definition from being run",
        explanation=(
            "A value such as `${FunctionArn}` is filled in when the definition is deployed. Validating accepts it as "
            "whatever it may stand for; running needs the value."
        ),
        fix="Give each a value with `statemachine run --set NAME=VALUE`, or replace it in the text.",
        source="CloudFormation user guide, DefinitionSubstitutions",
    ),
    # --- objects and fields ---------------------------------------------------------------------------------------
    Rule(
        code="SCHEMA_VALIDATION_FAILED",
        severity=_ERROR,
        title="A field is missing, misplaced or has a wrong value",
        explanation=(
            "AWS's code for everything about fields: one that its place does not define or that belongs to the other "
            "query language, a required one that is missing, two that exclude each other, a value of the wrong type or "
            "out of its range, a path or intrinsic function that is not well formed, a Resource that AWS does not "
            "have, what an Express machine refuses (activities, `.sync`, `.waitForTaskToken`, a distributed Map). AWS "
            "does not create the machine."
        ),
        fix="The message names the field and what it may hold; a suggestion follows where a name is probably misspelt.",
        source=f"{_API}; states-language.net",
    ),
    Rule(
        code="INVALID_STATE_NAME",
        severity=_ERROR,
        title="A state's name is empty or too long",
        explanation="A state's name has 1 to 80 characters.",
        fix="Shorten the name, and put the rest into Comment.",
        source=f"{_API}; fact limit-names",
    ),
    Rule(
        code="DUPLICATE_STATE_NAME",
        severity=_ERROR,
        title="A state's name occurs twice",
        explanation="Names are unique in the whole machine, those in branches and item processors among them.",
        fix="Rename one of the states, and the transitions to it.",
        source=f"{_API}; states-language.net, States",
    ),
    Rule(
        code="INVALID_LABEL_NAME",
        severity=_ERROR,
        title="A Map's Label is empty, too long or has a character that is not allowed",
        explanation=(
            "A Label becomes part of an ARN: 1 to 40 characters, no blanks, wildcards, brackets or control characters."
        ),
        fix="Use letters, digits, hyphens and underscores.",
        source=f"{_API}; developer guide, Map state in Distributed mode",
    ),
    Rule(
        code="DUPLICATE_LABEL_NAME",
        severity=_ERROR,
        title="A Map's Label occurs twice",
        explanation="Labels name map runs and are unique in the whole machine.",
        fix="Rename one of the labels.",
        source=_API,
    ),
    Rule(
        code="TOO_DEEPLY_NESTED",
        severity=_ERROR,
        title="States or choice rules are nested too deeply",
        explanation="Parallel and Map states inside each other, or And, Or and Not inside each other, are bounded.",
        fix="Move the inner states into a state machine of its own, and start that from a Task.",
        source=_API,
    ),
    Rule(
        code="SM_DUPLICATE_FIELD",
        severity=_ERROR,
        title="A payload template gives the same field twice",
        explanation=(
            "An object of a payload template has both `a` and `a.$`. Both give the field `a`, and only one of the two "
            "values can be there."
        ),
        fix="Remove one of the two.",
        source="states-language.net, Payload Template",
    ),
    Rule(
        code="SM_VARIABLE_NAME",
        severity=_ERROR,
        title="A variable cannot be read by its name",
        explanation=(
            "Assign gives a variable a name with a hyphen. A path or an expression that reads it ends at the hyphen: "
            "`$top-level` is the variable `top` followed by something else. In JSONata, where AWS may accept it, this "
            "is a warning."
        ),
        fix="Use an underscore, or capital letters within the name.",
        source="developer guide, Passing data between states with variables",
    ),
    Rule(
        code="SM_EXTENSION",
        severity=_ERROR,
        title="An extension that AWS does not have",
        explanation=(
            "With the target `aws`, what only this interpreter knows is refused: resources that begin with `python:`, "
            "`exec:`, `http://` or `https://`, and the fields CompensateWith and Compensate."
        ),
        fix="Use an ARN and bind it to the handler in a tasks file, so that the definition runs in both places.",
        source="extension",
    ),
    # --- the graph ------------------------------------------------------------------------------------------------
    Rule(
        code="MISSING_TRANSITION_TARGET",
        severity=_ERROR,
        title="A transition leads nowhere, or a state cannot be reached",
        explanation=(
            "StartAt, Next, Default and CompensateWith name a state of the same States object: a branch or an item "
            "processor is a scope of its own. AWS has the same code for a state to which nothing leads. What becomes "
            "unreachable through a transition that leads nowhere is a note of that finding."
        ),
        fix="Correct the name, or add the state; remove a state to which nothing leads.",
        source=f"{_API}; facts validate-missing-next-target, validate-unreachable-state",
    ),
    Rule(
        code="MISSING_END_STATE",
        severity=_ERROR,
        title="There is no terminal state",
        explanation="A machine, a branch or an item processor without End, Succeed or Fail could never end.",
        fix='Give the last state `"End": true`, or add a Succeed or Fail state.',
        source=f"{_API}; fact validate-no-terminal-state",
    ),
    Rule(
        code="SM_COMPENSATION_PATH",
        severity=_ERROR,
        title="A compensation path is entered or left by a transition",
        explanation=(
            "The states that CompensateWith names run only to undo. A transition of other states into them, or from "
            "them back, would run them as a part of the workflow."
        ),
        fix="Give the compensation states of its own, which end with End.",
        source="extension",
    ),
    Rule(
        code="SM_COMPENSATION_END",
        severity=_ERROR,
        title="A compensation path has no end",
        explanation="What begins with the target of a CompensateWith must come to a terminal state.",
        fix="Give the last state of the path `End`.",
        source="extension",
    ),
    Rule(
        code="SM_COMPENSATION_NESTED",
        severity=_ERROR,
        title="A compensation is itself compensated",
        explanation=(
            "A compensation path is run once, to undo; its states have no CompensateWith, its catchers no Compensate."
        ),
        fix="Remove the field from the compensation's states; use Retry and Catch there.",
        source="extension",
    ),
    Rule(
        code="SM_LOWER_REFUSED",
        severity=_ERROR,
        title="A definition with compensation that cannot be written in plain ASL",
        explanation=(
            "Reported by `statemachine lower`: what is undone on AWS would not be what is undone here, for "
            "instance because a variable has another value by then, or because AWS's Retry has nothing to retry."
        ),
        fix="Change what the finding names, or write what undoes it yourself.",
        source="extension",
    ),
    Rule(
        code="SM_LOWER_DIFFERS",
        severity=_WARNING,
        title="A definition with compensation that AWS runs a little differently",
        explanation=(
            "Reported by `statemachine lower`: status, output, error and cause are the same. But AWS ends an execution "
            "that times out at once; and when a branch or an iteration fails, the others are not cut short: what they "
            "then do is undone with the rest."
        ),
        fix="Nothing, if that is acceptable; else keep compensation out of the machine's timeout, or of inner blocks.",
        source="extension",
    ),
    # --- expressions ----------------------------------------------------------------------------------------------
    Rule(
        code="INVALID_JSONATA_EXPRESSION",
        severity=_ERROR,
        title="A JSONata expression is not well formed",
        explanation="AWS parses every expression when the machine is created, and gives the parser's message.",
        fix="Mend the expression where the finding stands.",
        source="fact jsonata-syntax-unexpected-end",
    ),
    Rule(
        code="UNSUPPORTED_JSONATA_EXPRESSION",
        severity=_ERROR,
        title="A JSONata expression reads what is not there",
        explanation=(
            "An expression has no context item: a bare name, `$` and `$$` at the top level are refused, and so is "
            "`$states.errorOutput` outside of a catcher's Output and Assign."
        ),
        fix="Read `$states.input`, `$states.result`, `$states.context` or a variable.",
        source="facts jsonata-top-level-reference-rejected, jsonata-double-dollar-rejected",
    ),
    Rule(
        code="NO_DOLLAR",
        severity=_WARNING,
        title="A path or intrinsic function is taken as plain text",
        explanation=(
            "A payload template has a value that looks like a path or an intrinsic function under a key that does not "
            "end with `.$`: the text itself is passed on."
        ),
        fix="Let the key end with `.$`, if the value is meant to be computed.",
        source=_API,
    ),
    Rule(
        code="NO_PATH",
        severity=_WARNING,
        title="A field that takes no path has one",
        explanation=(
            "Error or Cause holds a text that looks like a path; only the field whose name ends with `Path` is "
            "computed."
        ),
        fix="Use the field whose name ends with `Path`.",
        source=_API,
    ),
    Rule(
        code="PASS_RESULT_IS_STATIC",
        severity=_WARNING,
        title="The Result of a Pass state has a path",
        explanation="Result is given out as it is written: paths in it, and keys that end with `.$`, are not computed.",
        fix="Use Parameters instead of Result.",
        source=_API,
    ),
    Rule(
        code="SM_CONTEXT_FIELD",
        severity=_WARNING,
        title="The context object or $states has no such field",
        explanation=(
            "A path into `$$`, or an expression that reads `$states`, names a field that does not exist. AWS creates "
            "the machine; the execution fails there, or reads nothing."
        ),
        fix="Correct the name: the suggestion lists what there is.",
        source="developer guide, Accessing execution data from the Context object",
    ),
    Rule(
        code="SM_NOT_EVALUATED",
        severity=_WARNING,
        title="An expression is taken as plain text",
        explanation=(
            "A text is a JSONata expression only in a state whose QueryLanguage is JSONata, and only if it begins with "
            "`{%` and ends with `%}`: a blank, or the line break that YAML's `|` leaves at the end, makes it a "
            "text. Reported too: a key that ends with `.$` in JSONata, where it is a key like any other."
        ),
        fix="Remove what stands around the expression, or set QueryLanguage.",
        source="fact jsonata-delimiter-needs-exact-edges",
    ),
    # --- what cannot be run here ----------------------------------------------------------------------------------
    Rule(
        code="SM_UNSUPPORTED_FIELD",
        severity=_WARNING,
        title="A valid field that cannot be run here",
        explanation="The definition is right for AWS; running it here is refused before anything starts.",
        fix="Use one of the alternatives that the message names, or run the definition on AWS.",
        source="statemachine run",
    ),
    # --- templates ------------------------------------------------------------------------------------------------
    Rule(
        code="SM_TEMPLATE",
        severity=_ERROR,
        title="A state machine of a template has no usable definition",
        explanation=(
            "A state machine of a CloudFormation or SAM template has none or several definitions, or one of a "
            "wrong kind."
        ),
        fix="Give exactly one of Definition, DefinitionString, DefinitionS3Location or DefinitionUri.",
        source="CloudFormation user guide, AWS::StepFunctions::StateMachine",
    ),
    Rule(
        code="SM_TEMPLATE_FILE",
        severity=_ERROR,
        title="A definition file that a template names cannot be read",
        explanation="DefinitionUri or DefinitionS3Location is a path beside the template, and there is no such file.",
        fix="Correct the path; it is relative to the template.",
        source="SAM developer guide, AWS::Serverless::StateMachine",
    ),
    Rule(
        code="SM_SUBSTITUTION_MISSING",
        severity=_WARNING,
        title="A placeholder has no substitution",
        explanation=(
            "The definition has a `${Name}` that DefinitionSubstitutions does not give: it stays in the deployed text."
        ),
        fix="Add the name to DefinitionSubstitutions, or correct it.",
        source="CloudFormation user guide, DefinitionSubstitutions",
    ),
    Rule(
        code="SM_SUBSTITUTION_UNUSED",
        severity=_WARNING,
        title="A substitution is not used",
        explanation=(
            "DefinitionSubstitutions gives a name that the definition does not have: one of the two may be misspelt."
        ),
        fix="Remove the substitution, or correct its name.",
        source="CloudFormation user guide, DefinitionSubstitutions",
    ),
    # --- warnings beyond AWS --------------------------------------------------------------------------------------
    Rule(
        code="SM_UNREACHABLE_RETRIER",
        severity=_WARNING,
        title="A retrier is never used",
        explanation=(
            "The first element of Retry that names an error takes it, also when its attempts are used up. Earlier"
            " elements name all that this one names, or `States.TaskFailed` covers it, which is every error but "
            "timeouts."
        ),
        fix="Put the more special retrier first, or remove it.",
        source="developer guide, Handling errors; fact retry-each-retrier-own-counter",
    ),
    Rule(
        code="SM_UNREACHABLE_CATCHER",
        severity=_WARNING,
        title="A catcher is never used",
        explanation=(
            "The first element of Catch that names an error takes it. Earlier elements name all that this one "
            "names, or `States.TaskFailed` covers it, which is every error but timeouts."
        ),
        fix="Put the more special catcher first, or remove it.",
        source="developer guide, Handling errors; fact taskfailed-matches-custom-error",
    ),
    Rule(
        code="SM_ERROR_NAME_COVERED",
        severity=_WARNING,
        title="An earlier element takes this error",
        explanation=(
            "One name of a retrier or catcher never gets there, because an element before it takes the error; its"
            " other names do."
        ),
        fix="Remove the name from one of the two, or change their order.",
        source="developer guide, Handling errors",
    ),
    Rule(
        code="SM_ERROR_NEVER_RAISED",
        severity=_WARNING,
        title="An error name that never matches here",
        explanation=(
            "`States.Runtime` is never retried or caught. Other reserved names come from certain states only, "
            "such as `States.HeartbeatTimeout` from a task with HeartbeatSeconds; names such as `Lambda.…` from "
            "one service only, and the same service may name its errors differently in its two integrations."
        ),
        fix="Remove the name, or use the one that the state raises.",
        source=(
            "developer guide, Error names; facts states-runtime-not-catchable, task-resource-not-found-sdk-vs-optimized"
        ),
    ),
    Rule(
        code="SM_UNKNOWN_RESERVED_ERROR",
        severity=_WARNING,
        title="An error name looks like a reserved one, and is none",
        explanation=(
            "Names beginning with `States.` are reserved. AWS accepts any name in ErrorEquals, so that one that "
            "is misspelt, such as `State.ALL`, never matches."
        ),
        fix="Correct the name; give errors of your own another beginning.",
        source="states-language.net, Errors; fact retry-each-retrier-own-counter",
    ),
    Rule(
        code="SM_CHOICE_WITHOUT_DEFAULT",
        severity=_WARNING,
        title="A Choice may match nothing",
        explanation=(
            "There is no Default, and the rules leave something over: a value that is none of those compared, or "
            "a flag that is false. The state then fails with States.NoChoiceMatched. Rules that are evidently "
            "exhaustive, such as true and false, or below 10 and at least 10, are not reported."
        ),
        fix="Add a Default, if only one that leads to a Fail state with a message of your own.",
        source="states-language.net, Choice State; fact choice-no-match-error",
    ),
    Rule(
        code="SM_CALLBACK_WITHOUT_TIMEOUT",
        severity=_WARNING,
        title="A task waits for an answer without a bound",
        explanation=(
            "A task with `.waitForTaskToken` or an activity ends when somebody answers. Without TimeoutSeconds or"
            " HeartbeatSeconds a lost token holds the execution for a year. A state machine with TimeoutSeconds "
            "of its own is not reported."
        ),
        fix="Add TimeoutSeconds, or HeartbeatSeconds if the worker sends heartbeats, and catch States.Timeout.",
        source="developer guide, Best practices: use timeouts to avoid stuck executions",
    ),
    Rule(
        code="SM_ENDLESS_LOOP",
        severity=_WARNING,
        title="A loop that nothing leads out of",
        explanation=(
            "The states lead to each other and nowhere else. The execution goes round until a state fails, a "
            "timeout ends it, or its history is full."
        ),
        fix="Add a way out, such as a Choice that counts or asks whether the work is done.",
        source="states-language.net, Transitions; developer guide, Quotas",
    ),
    Rule(
        code="SM_HISTORY_LIMIT",
        severity=_WARNING,
        title="The execution reaches 25,000 events",
        explanation=(
            "A Standard execution fails when its history has 25,000 events, past every Catch. Reported where a "
            "count is known: a loop over a variable that starts from a literal and ends at one, an inline Map "
            "over literal items, a Retry with so many attempts. The count is a lower bound. Express executions have "
            "no such limit."
        ),
        fix="Use a distributed Map, or do a part of the work in executions of its own.",
        source="developer guide, Quotas: maximum execution history size",
    ),
    Rule(
        code="SM_VARIABLE_UNASSIGNED",
        severity=_WARNING,
        title="A variable is read that nothing assigns",
        explanation=(
            "Nothing assigns the variable before the state that reads it: its name is misspelt, it is assigned "
            "later or in an inner block that keeps its variables, or the iteration of a distributed Map reads a "
            "variable from outside. In JSONPath the state fails; in JSONata the variable is undefined. One that "
            "the expression asks about, as `$exists($x)` does, is not reported."
        ),
        fix="Assign the variable in an earlier state; give it to a distributed Map with ItemSelector.",
        source="developer guide, Passing data between states with variables",
    ),
    Rule(
        code="SM_VARIABLE_MAYBE_UNASSIGNED",
        severity=_WARNING,
        title="A variable is not assigned on every way",
        explanation=(
            "There is a way to the state on which the variable is not assigned: past a state that assigns it, by "
            "a catcher, whose own Assign takes the place of the state's, or by a rule of a Choice, for which the "
            "same is true. Behind a Choice that asks for the variable nothing is reported."
        ),
        fix="Assign it on that way too, for instance a starting value in the first state.",
        source="developer guide, Passing data between states with variables; fact assign-in-catch-jsonata",
    ),
    Rule(
        code="SM_VARIABLE_UNUSED",
        severity=_WARNING,
        title="A variable is assigned and never read",
        explanation="No expression of the definition names the variable. It is carried along and does nothing.",
        fix="Remove it from Assign, or correct the name where it should be read.",
        source="developer guide, Passing data between states with variables",
    ),
    Rule(
        code="SM_FIELD_NOT_PRODUCED",
        severity=_WARNING,
        title="A path leads nowhere",
        explanation=(
            "What the path reads is known, whatever the input: a Result, a payload template, an error output or "
            "the answer of lambda:invoke, whose result is in `Payload`. It has no such member on any way to the "
            "state, so that a JSONPath field fails with States.Runtime and a JSONata field with "
            "States.QueryEvaluationError. So does `$states.result` where nothing has a result yet. Paths that "
            "IsPresent asks for are not reported."
        ),
        fix="Correct the path, or the ResultPath, ResultSelector or Output that leaves the field out.",
        source=(
            "facts jsonpath-missing-parameters-cause, catch-without-resultpath-replaces-input, lambda-invoke-envelope"
        ),
    ),
    Rule(
        code="SM_PAYLOAD_TOO_LARGE",
        severity=_WARNING,
        title="A payload of literals is over 256 KiB",
        explanation=(
            "What the definition itself puts into a payload or a variable, with the outputs of a Map over a known"
            " number of items, is more than a state may pass on: the execution fails with "
            "States.DataLimitExceeded."
        ),
        fix="Put the data into an object store and pass its address.",
        source="facts limit-payload, data-limit-pass-output, variables-limits",
    ),
    Rule(
        code="SM_PAYLOAD_NEAR_LIMIT",
        severity=_WARNING,
        title="A payload of literals is near 256 KiB",
        explanation="The definition itself fills more than 90 % of what a state may pass on; little is left for data.",
        fix="Put the data into an object store and pass its address.",
        source="fact limit-payload",
    ),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType({each.code: each for each in _RULES})
"""Code -> rule, in the order of the documentation."""
