"""Hostile files for every reader: one table of targets (targets.py), one judge (judge.py), and three engines that make inputs.

    tests/test_fuzz.py                         hypothesis, in the default run: seconds, and failures shrink
    python -m tests.fuzz READER --runs 100000  seeded random edits: the long run
    python -m tests.fuzz READER --atheris 300  coverage-guided, 300 seconds (pip install atheris; no part of any extra)

README.md says how to use them and what to do with a finding.
"""
