"""A program run event by event, as the chip does, and in time steps, as sinabs does."""
