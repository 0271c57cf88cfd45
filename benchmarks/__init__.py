"""Benchmarks, each printing a ratio against a yardstick of the same run."""
