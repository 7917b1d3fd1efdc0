# make install; make check test -- everything else is the same tools with other arguments.
PYTHON ?= python3

.PHONY: install check fix test test-slow bench bench-quick

install:  ## the package in editable form, with everything the other targets need
	$(PYTHON) -m pip install -e '.[dev,bench]'

check:  ## style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

fix:  ## what ruff can mend by itself
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

test:  ## minutes
	$(PYTHON) -m pytest

test-slow:  ## the rest: statistical parity with gensim, long property tests
	$(PYTHON) -m pytest -m slow

bench:  ## every benchmark, each peer in the same run; writes benchmarks/results and the README's table
	$(PYTHON) -m benchmarks.bench_train
	$(PYTHON) -m benchmarks.bench_corpus
	$(PYTHON) -m benchmarks.bench_query
	$(PYTHON) -m benchmarks.bench_load
	$(PYTHON) -m benchmarks.render

bench-quick:  ## under five minutes, smaller work, nothing written to the README
	$(PYTHON) -m benchmarks.bench_train --quick
	$(PYTHON) -m benchmarks.bench_corpus --quick
	$(PYTHON) -m benchmarks.bench_query --quick
	$(PYTHON) -m benchmarks.bench_load --quick
