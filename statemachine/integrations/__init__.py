"""Performing tasks: what stands behind a Task state's Resource."""

from statemachine.integrations.base import BindingError, TaskContext, TaskFunction, TaskHandler
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.tasks_file import load_tasks_file, task

__all__ = [
    "BindingError",
    "TaskContext",
    "TaskFunction",
    "TaskHandler",
    "TaskRegistry",
    "load_tasks_file",
    "task",
]
