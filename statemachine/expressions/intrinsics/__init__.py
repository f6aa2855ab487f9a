"""Intrinsic functions: ``States.Format('{}', $.name)`` and their like."""

from statemachine.expressions.intrinsics.compile import compile_intrinsic, intrinsic_name, is_intrinsic

__all__ = ["compile_intrinsic", "intrinsic_name", "is_intrinsic"]
