"""The bit-exact emulator of Loihi programs."""
