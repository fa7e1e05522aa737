"""What raters said, and when they may see it."""
