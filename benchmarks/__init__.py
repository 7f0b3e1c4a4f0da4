"""What the suite costs: each benchmark measures side by side, in one run, and gives ratios."""
