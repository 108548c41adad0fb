"""Simulation: trainable float, bit-exact integer, and the synaptic operations counted from either."""
