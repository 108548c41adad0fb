"""Data sets and how their samples become input over time."""
