"""What search methods are built from: base classes, cost of widths, choice of units, the training loop."""
