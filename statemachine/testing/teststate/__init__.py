"""Testing one state by itself, as AWS Step Functions' TestState API does.

result = test_state({"Type": "Pass", "Parameters": {"id.$": "$.order"}, "End": True}, input='{"order": 7}')
assert result.output == '{"id":7}'
"""

from statemachine.testing.teststate.request import TestStateError
from statemachine.testing.teststate.result import TestStateResult
from statemachine.testing.teststate.run import test_state

__all__ = ["TestStateError", "TestStateResult", "test_state"]
