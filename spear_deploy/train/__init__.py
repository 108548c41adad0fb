"""Data sets and fine-tuning."""
