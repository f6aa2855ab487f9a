"""``python -m statemachine``."""

from statemachine.cli import main

main()
