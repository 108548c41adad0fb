"""Chips that are checked and not emulated: rules and a placement from the figures of a profile, and no program."""
