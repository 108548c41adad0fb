"""Make a trained spiking network fit a neuromorphic chip's budgets, and prove on emulated hardware that it does."""

__version__ = "0.1.0"
