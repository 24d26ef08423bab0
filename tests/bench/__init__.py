"""Benchmarks: `python -m tests.bench.NAME [--json]`. Ratios, taken side by side in one run."""
