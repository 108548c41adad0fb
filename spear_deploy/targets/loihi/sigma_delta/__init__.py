"""Sigma-delta networks on Loihi 2: graded messages instead of spikes."""
