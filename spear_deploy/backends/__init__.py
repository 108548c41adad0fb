"""Backends run a chip program; each lives in an environment of its own, behind a process and two files."""
