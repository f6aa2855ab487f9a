"""What test cases reach of a definition: states, transitions, catchers, retriers, compensations.

Rules
- Coverage is derived after the fact: a run's journal is applied once more, with a program whose conditions and data
  flows tell that they were asked (`observing`). Neither the kernel nor the run knows of it.
- Runs are merged by definition: its file and text.
"""
