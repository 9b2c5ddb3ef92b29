"""Everything that numba compiles: time loops of cells, heads of policies, the loss of PPO."""
