"""Pages of randomization lists, at the unblinded door only."""
