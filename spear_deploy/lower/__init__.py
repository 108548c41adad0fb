"""From the float network to the integers of one chip: compose, quantise, place, bundle."""
