"""What the data mean: datasets, figures, dashboards and the analyses behind them."""
