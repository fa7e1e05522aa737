"""Pages of ratings, one module a screen."""
