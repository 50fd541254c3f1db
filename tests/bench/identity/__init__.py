"""The identity benchmark: how well and how fast customers are recognised, beside a tuned splink on the same records."""
