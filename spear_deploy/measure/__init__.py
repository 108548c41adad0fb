"""Activity, synaptic operations and accuracy, of a float network or of a chip program."""
