"""JSONPath as Jayway's JsonPath reads it, which AWS uses."""

from statemachine.expressions.jsonpath.definite import MISSING, Missing
from statemachine.expressions.jsonpath.path import Path, PathRoot, compile_path
from statemachine.expressions.jsonpath.reference import ReferencePath, compile_reference_path

__all__ = ["MISSING", "Missing", "Path", "PathRoot", "ReferencePath", "compile_path", "compile_reference_path"]
