"""Intrinsic functions: ``States.Format('{}', $.name)`` and their like."""

from statemachine.expressions.intrinsics.compile import compile_intrinsic, is_intrinsic

__all__ = ["compile_intrinsic", "is_intrinsic"]
