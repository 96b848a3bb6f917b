"""Measurements beside Stable-Baselines3 and torch.save, made in one run: ``make bench``."""
