"""Faults in the system's own processes, put there without a line of the product knowing of them.

`tests/site/sitecustomize.py` is reached by `PYTHONPATH` and wakes where `CHAOS_FAULTS` names a
config: it wraps the ports of every system that `shared.bootstrap.assemble` makes in that process.
"""
