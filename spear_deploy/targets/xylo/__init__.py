"""Xylo of SynSense: one core of integer neurons, as xylosim computes them."""
