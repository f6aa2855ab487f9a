"""Test cases of definitions: files that say what an execution is given, and what must come of it.

Rules
- A case runs on the virtual-time host: no task is called, no time passes, and every run is the same.
- A task without a mock is a mistake of the case, never a failure inside the execution: no Catch can hide it.
- What a file gets wrong is found before anything runs, with file, line and column.

`reading` turns a file into cases, `running` runs one, `checking` compares it with what is expected, `discovery` and
`selection` choose files and cases.
"""
