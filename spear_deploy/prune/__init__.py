"""Structured pruning: importance, LRE, TAR, the search environment and its agent."""
