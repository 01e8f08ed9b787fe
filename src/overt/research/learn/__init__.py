"""Training: a pixel policy in PyTorch."""
