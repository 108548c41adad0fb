"""Training through the chip's own integers: forward to the last bit as it computes, with straight-through gradients."""
