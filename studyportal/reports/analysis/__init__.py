"""The analyses behind the figures: plain functions on numbers, no Django."""
