# make install; make check test -- everything else is the same tools with other arguments.
PYTHON ?= python3
BENCH ?=     # more arguments for the benchmarks: --corpus text8 --words 4000000
EVAL_DIR ?=  # directory of the test sets that quality is judged by; none: it is not judged

.PHONY: install check fix test test-slow test-plain bench bench-quick

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
	$(PYTHON) -m pytest -n auto --dist loadfile

test-slow:  ## the rest: statistical parity with gensim, long property tests
	$(PYTHON) -m pytest -m slow

test-plain:  ## nothing compiled: half an hour
	NUMBA_DISABLE_JIT=1 $(PYTHON) -m pytest

bench:  ## every benchmark, each peer in the same run; writes benchmarks/results and the README's table
	$(PYTHON) -m benchmarks.bench_train $(BENCH)
	$(PYTHON) -m benchmarks.bench_threads $(BENCH)
	$(PYTHON) -m benchmarks.bench_corpus $(BENCH)
	$(PYTHON) -m benchmarks.bench_command $(BENCH)
	$(PYTHON) -m benchmarks.bench_query $(BENCH)
	$(PYTHON) -m benchmarks.bench_load $(BENCH)
	$(if $(EVAL_DIR),$(PYTHON) -m benchmarks.bench_quality $(BENCH) --eval-dir $(EVAL_DIR))
	$(PYTHON) -m benchmarks.render

bench-quick:  ## under five minutes, smaller work, nothing written to the README
	$(PYTHON) -m benchmarks.bench_train --quick --sizes D=100 $(BENCH)
	$(PYTHON) -m benchmarks.bench_corpus --quick $(BENCH)
	$(PYTHON) -m benchmarks.bench_command --quick $(BENCH)
	$(PYTHON) -m benchmarks.bench_query --quick $(BENCH)
	$(PYTHON) -m benchmarks.bench_load --quick $(BENCH)
