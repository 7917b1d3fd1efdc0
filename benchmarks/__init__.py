"""Measurements of w2v beside its peers. bench_*.py write results/*.json, render.py makes the README's table."""
