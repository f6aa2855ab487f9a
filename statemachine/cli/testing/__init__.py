"""Reports of ``statemachine test``."""
