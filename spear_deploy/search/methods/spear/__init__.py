"""SPEAR (Xie et al. 2025, arXiv 2507.02945): DDPG under the target-aware reward."""
