"""Plain makers of valid, boring study data; nothing random that matters, nothing automatic."""
