"""Trainable simulation of a network in float, equivalent to the frameworks' own."""
