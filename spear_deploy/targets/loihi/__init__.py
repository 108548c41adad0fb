"""Loihi and Loihi 2, as Lava's fixed-point models compute them."""
