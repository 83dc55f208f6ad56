"""The benchmarks are also tests: each holds its target, with a margin for a busy machine where it counts time."""
