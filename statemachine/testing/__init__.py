"""Testing definitions without waiting: a host with virtual time, and mocks for tasks. Public, for users' own tests."""
