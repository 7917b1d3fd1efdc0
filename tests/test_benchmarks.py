"""The benchmarks' own arithmetic: counting words, ratios of turns, reading a peer's rate, and the README's section."""

from __future__ import annotations

import argparse
import json
import lzma
import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_cuda, bench_versions, common, cuda_ptx, peak, render
from benchmarks.contestants import FastText, PWord2vec, Word2vecC, Work

WORK = Work(sg=True, hs=False, vector_size=100, window=5, negative=5)


@pytest.mark.parametrize("words", [None, 3, 7, 100])
@pytest.mark.parametrize("packed", [False, True])
def test_text_is_cut_and_counted(tmp_path, words, packed):
    content = b"a b a\nc d\na"
    path = tmp_path / ("text.xz" if packed else "text")
    path.write_bytes(lzma.compress(content) if packed else content)
    with common.text_of(argparse.Namespace(corpus=path, words=words)) as text:
        got = text.path.read_bytes().split()
    assert got == content.split()[:words]
    assert text.words == len(got)
    assert text.kept(2) == got.count(b"a") * (got.count(b"a") >= 2)


def test_blocks_never_cut_a_word(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b" ".join(b"word%d" % i for i in range(1000)))
    with open(path, "rb") as file:
        assert b"".join(common._blocks(file, 100)).split() == path.read_bytes().split()


def test_ratios_are_taken_turn_by_turn():
    table = common.compare({"w2v": [1.0, 2.0, 1.0], "peer": [10.0, 30.0, 12.0], "slow": [50.0]}, 100)
    assert table["peer"]["times_slower"] == 12.0
    assert table["slow"]["times_slower"] == 50.0
    assert table["w2v"]["per_second"] == 100.0


def test_turns_alternate():
    order = []
    runs = {name: lambda name=name: order.append(name) or 1.0 for name in ("w2v", "peer", "slow")}
    seconds = common.take_turns(runs, 2, once={"slow"})
    assert order == ["w2v", "peer", "slow", "w2v", "peer"]
    assert {name: len(s) for name, s in seconds.items()} == {"w2v": 2, "peer": 2, "slow": 1}


@pytest.mark.parametrize(
    ("kind", "printed", "rate"),
    [
        (FastText, r"Progress: 1.0% words/sec/thread: 9\rProgress: 100.0% words/sec/thread:   95403 lr: 0", 2 * 95403),
        (Word2vecC, r"Words/thread/sec: 1.00k \rAlpha: 0.1  Words/thread/sec: 157.53k  ", 2 * 157530),
        (PWord2vec, r"Alpha: 0.1  Progress: 99.00%  Words/sec: 945.20k", 945200),
    ],
)
def test_a_program_s_last_rate_becomes_seconds(tmp_path, kind, printed, rate):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nprintf '{printed.replace('%', '%%')}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "text").write_text("a a a a a b\n" * 10)
    with common.text_of(argparse.Namespace(corpus=tmp_path / "text", words=None)) as text:
        seconds = kind(str(program)).prepare(text, WORK, 2)()
    assert seconds == pytest.approx((60 + 10) / rate)


def test_pword2vec_knows_one_model_only():
    text = common.Text(Path("x"), 0, common.Counter())
    assert PWord2vec("x").prepare(text, Work(sg=False, hs=False, vector_size=9, window=5, negative=5), 1) is None


@pytest.mark.compiled
def test_peaks_are_positive():
    assert peak.multiply_adds(1, turns=1000) > 0
    assert peak.memory_reads(2, megabytes=1) > 0
    assert peak.row_moves(2, turns=100) > 0
    assert peak.line_trip(turns=100) > 1


@pytest.mark.compiled
def test_a_line_is_written_to_by_turns():
    line = np.zeros(1, np.int64)
    peak._seconds(lambda first: peak._play(line, first, 100), 2)
    assert line[0] == 2 * 100


def contestants(**factors: float) -> dict:
    return {n: {"per_second": 2e6 / f, "seconds": [f], "times_slower": f} for n, f in {"w2v": 1.0, **factors}.items()}


@pytest.fixture
def results(tmp_path):
    machine = {"cpu": "cpu", "cores": 2, "memory_gb": 8.0, "date": "2030-01-01 10:00 UTC", "versions": {"w2v": "1"}}
    row = {"model": "CBOW", "vector_size": 100, "words": 17e6, "share_of_peak": 0.5}
    row |= {"first_call_seconds": 0.2, "compiled": False}
    rows = [{**row, "workers": n, "contestants": contestants(gensim=15.0 / n)} for n in (1, 2)]
    train = {"rows": rows, "peaks": {"fma_gflops_one_core": 100.0}}
    gains = {"wall": [1.0, 1.5, 2.0, 2.5, 3.0], "processor": [1.9] * 5, "multiply_adds": [1.7] * 5, "row_moves": [1.6] * 5}
    trips = [[30.0, 30.0], [30.0, 200.0], [200.0, 200.0], [30.0, 40.0], [200.0, 99.0]]
    of_threads = {"model": "CBOW", "vector_size": 100, "workers": 2, "gains": gains, "line_trip": trips}
    threads = {"words": 2_000_000, "rows": [of_threads]}
    made = {
        "train": train,
        "train-zen4": train,
        "train-avx2": train,
        "threads": threads,
        "corpus": {"rows": [{"what": "reading", "contestants": contestants(gensim=8.0)}]},
    }
    for name, value in made.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"machine": machine, **value}))
    return tmp_path


def test_readme_gets_the_figures_and_keeps_the_rest(results):
    readme = f"before\n{render.START}\nold\n{render.END}\nafter\n"
    done = render.insert(readme, render.section(render.read(results), "speed.png"))
    assert done.startswith("before\n")
    assert done.endswith("after\n")
    assert "old" not in done
    assert "| CBOW | 100 | 1 | 17 M | 2.00 M | 133 k | 15.0 × | 50% |" in done
    assert "2 threads over one: 1.00 to 1.00" in done
    assert "| CBOW | 100 | 2.00 (1.25 to 2.75) | 1.90 (1.90 to 1.90) | 1.70 (1.70 to 1.70) |" in done
    assert "| 1.60 (1.60 to 1.60) | 1.75 (2) | 2.00 (1) | 2.25 (2) |" in done
    assert "**Training on a Zen 4**" in done
    assert "**Training with AVX2**" in done
    assert "| reading | 2.00 M words/s | 8.0 × |" in done
    assert render.insert(done, render.section(render.read(results), "speed.png")) == done


def test_the_chart_is_drawn(results):
    pytest.importorskip("matplotlib")
    render.draw(render.read(results), results / "speed.png")
    assert (results / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_no_results_is_said(tmp_path):
    assert "Not measured" in render.section(render.read(tmp_path), None)


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="bench:start"):
        render.insert("text", "section")


def test_figures_of_ptxas_are_read_or_missed():
    said = "ptxas .  8 bytes stack frame, 12 bytes spill stores, 4 bytes spill loads", "ptxas info : Used 158 registers"
    assert cuda_ptx.read_log("\n".join(said), 99) == cuda_ptx.Resources(158, 8, 16, 99)
    with pytest.raises(ValueError, match="no figures"):
        cuda_ptx.read_log("info : 0 bytes gmem", 99)


@pytest.mark.parametrize("kernel", cuda_ptx.KERNELS)
def test_predicted_bounds_of_a_gpu(kernel):
    setting, few = cuda_ptx.Setting(kernel), cuda_ptx.Resources(32, 0, 0, 20_000)
    for card in bench_cuda.CARDS:
        found = bench_cuda.predict(setting, card, few)
        assert found["predicted"]
        rows = 1 + ((3 + 5) / 3 if kernel.endswith("ns") else 12)  # its own, and its share of the group's outputs or its path
        assert found["bytes_per_word"] == pytest.approx(2 * 4 * 112 * rows, abs=1)
        assert found["bounds"]["memory"] == pytest.approx(card.bandwidth / found["bytes_per_word"], rel=1e-3)
        many = bench_cuda.predict(setting, card, few._replace(registers=255))
        assert many["bounds"]["latency"] < found["bounds"]["latency"]


def test_two_versions_take_turns(tmp_path, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("a b c d e f g h\n" * 20_000)
    order, train = [], bench_versions.Version.train
    monkeypatch.setattr(bench_versions.Version, "train", lambda version, *part: order.append(version) or train(version, *part))
    begun, begin = [], bench_versions.Version.__init__
    monkeypatch.setattr(bench_versions.Version, "__init__", lambda version, *of: begun.append(of[0]) or begin(version, *of))
    other = tmp_path / "other"  # with benchmarks of its own
    (other / "benchmarks").mkdir(parents=True)
    (other / "benchmarks" / "__init__.py").touch()
    (other / "w2v").symlink_to(common.ROOT / "w2v")
    pairs = bench_versions.bench(common.ROOT, other, text, WORK, 1, 0.1)
    assert len(pairs) == len(order) // 2 >= 2
    assert order[0] is order[3] is not order[1] is order[2]
    bench_versions.bench(common.ROOT, other, text, WORK, 1, 0.0, turn=1)
    assert begun == [common.ROOT, other, other, common.ROOT]
    assert order[-4].process.args[3] == common.ROOT
    assert all(figure > 0 for before, after in pairs for figure in before + after)


def test_the_share_of_the_old_version_s_time_is_the_median_of_processes():
    pairs = [([100.0, 10.0], [50.0, 9.0]), ([300.0, 10.0], [240.0, 8.0]), ([100.0, 10.0], [200.0, 30.0])]
    others = [[([100.0, 10.0], [factor * 100.0, 10.0])] for factor in (1.5, 0.7)]
    line = bench_versions.told([pairs, *others])
    assert line.startswith("clock 0.800 (0.700 to 1.500)")
    assert "processor 1.000 (0.900 to 1.000)" in line
    assert line.endswith("now 150 ns a word")
