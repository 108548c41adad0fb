"""SynSense Speck: nine unequal cores, one convolution with integrate-and-fire neurons on each, driven by events."""
