"""Measurements with which the planner of `firelib plan --rows` is checked."""
