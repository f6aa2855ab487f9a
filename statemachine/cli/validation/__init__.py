"""What ``statemachine validate`` does between its options and its report: configure, discover, check, watch."""
