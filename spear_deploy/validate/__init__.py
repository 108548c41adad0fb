"""Proof: backend against emulator, spike by spike."""
