"""Trainable float simulation, as the frameworks' own: the network that a file describes."""
