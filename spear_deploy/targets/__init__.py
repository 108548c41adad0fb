"""What chip families do with a network: rules, integers, placement, emulation."""
