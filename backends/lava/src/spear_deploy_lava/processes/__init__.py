"""The Lava processes of this backend, and nothing else.

Lava executes every module beside one that defines a process, once for each process of a network.  So
each module here holds one process with its model, imports no sibling, and does nothing on import.
All models are for Lava's fixed-point simulation on the CPU; arrays are in Lava's (W, H, C) layout.
"""
