"""Skeletons of test cases: inputs and mocks with which every branch of a definition is reached.

Rules
- Nothing is concluded, everything is tried: a scenario (input, mocks, items) is run in virtual time, and its coverage
  is measured. What reaches something new is kept, and changed further towards what is still missing (`search`).
- Values are guessed from what the definition reads (`reading`) and compares (`conditions`).
- What cannot be reached so is told, for a person to go on; a generated case never claims what it does not do.
"""
