"""Writes the README's benchmark section and the chart from results/*.json; no figure is typed by hand.

python -m benchmarks.render
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from .common import NEAR, RESULTS, ROOT, by_distance, spread

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
CHART = "speed.png"
PEERS = ("gensim", "pWord2Vec", "word2vec.c", "fastText")
NAMES = ("train", "train-zen4", "train-avx2", "threads", "quality", "corpus", "command", "query", "load")

Results = dict[str, dict[str, Any]]


def read(directory: Path) -> Results:
    """The files of results that are there, by name."""
    files = {name: directory / f"{name}.json" for name in NAMES}
    return {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table; every column but the first is a number."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def rate(figures: dict[str, Any]) -> str:
    """Words a second in the unit that reads best."""
    value = figures["per_second"]
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.0f} k"


def times(row: dict[str, Any], peer: str) -> str:
    """How many times faster than the peer we are."""
    figures = row["contestants"].get(peer)
    return f"{figures['times_slower']:.1f} ×" if figures else ""


def training(found: dict[str, Any]) -> Iterator[str]:
    yield "**Training**; raw words a second, without reading the text; subsampling 1e-3; D=100: window 5, 5 noise words; D=300:"
    yield "window 8, 10."
    yield ""
    yield from training_table(found)
    yield ""
    yield from scaling(found["rows"])
    yield f"FMA peak of one core: {found['peaks']['fma_gflops_one_core']:.0f} GFLOP/s. The share counts the multiply-adds that"
    yield "the model asks for; those that neighbouring centres share are done once and counted for each: it may pass 100%."
    yield from first_calls(found["rows"])


def training_elsewhere(title: str, found: dict[str, Any]) -> Iterator[str]:
    yield title
    yield machine_line(found["machine"])
    yield ""
    yield from training_table(found)
    yield ""
    yield f"FMA peak of one core: {found['peaks']['fma_gflops_one_core']:.0f} GFLOP/s."
    yield from first_calls(found["rows"])


def training_table(found: dict[str, Any]) -> list[str]:
    peers = [p for p in PEERS if any(p in row["contestants"] for row in found["rows"])]
    head = ["model", "D", "threads", "words", "w2v, words/s", "gensim", *(f"against {p}" for p in peers), "share of FMA peak"]
    rows = [
        [
            row["model"],
            str(row["vector_size"]),
            str(row["workers"]),
            millions(row),
            rate(row["contestants"]["w2v"]),
            rate(row["contestants"]["gensim"]) if "gensim" in row["contestants"] else "",
            *(times(row, p) for p in peers),
            f"{row['share_of_peak']:.0%}",
        ]
        for row in found["rows"]
    ]
    return table(head, rows)


def first_calls(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What the kernels cost before they run."""
    loading, compiling = (
        max((row["first_call_seconds"] for row in rows if row["compiled"] == compiled), default=0.0)
        for compiled in (False, True)
    )
    yield f"The first call in a process loads a kernel in {loading:.1f} s at most, not counted above."
    if compiling:
        yield f"The first call of all compiles it, and the tables' code: {compiling:.1f} s at most."


def millions(row: dict[str, Any]) -> str:
    """How many words were trained on."""
    return f"{row['words'] / 1e6:.0f} M"


def scaling(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What more threads bring, where both were measured."""
    work_of = itemgetter("model", "vector_size", "words")
    rates = {(work_of(r), r["workers"]): r["contestants"]["w2v"]["per_second"] for r in rows}
    for workers in sorted({r["workers"] for r in rows} - {1}):
        gains = [rate / rates[work, 1] for (work, w), rate in rates.items() if w == workers and (work, 1) in rates]
        if gains:
            yield f"{workers} threads over one: {min(gains):.2f} to {max(gains):.2f} times as fast."


def threads(found: dict[str, Any]) -> Iterator[str]:
    workers, pairs = found["rows"][0]["workers"], len(found["rows"][0]["gains"]["wall"])
    yield f"**{workers} threads over one**, on stretches of a text of {millions(found)} words: medians, and the middle"
    yield f"half, of {pairs} pairs. By processor time: as if both cores were there all the time."
    yield "Beside them, in the same seconds, what the machine had to give by the clock: multiply-adds that touch no memory,"
    yield "and rows read and written at random in 64 MB. Then the pairs before and after which the cores shared a cache (a line"
    yield f"of it went from one to the other in less than {NEAR} ns), those with neither, and the rest: median and number."
    yield machine_line(found["machine"])
    yield ""
    rows = [
        [row["model"], str(row["vector_size"]), *(spread(v) for v in row["gains"].values()), *by_distance(row).values()]
        for row in found["rows"]
    ]
    heads = ["by the clock", "by processor time", "multiply-adds", "rows in memory", "near", "apart", "moved"]
    yield from table(["model", "D", *heads], rows)


def quality(found: dict[str, Any]) -> Iterator[str]:
    measures = [name for name in found["rows"][0]["contestants"]["w2v"] if name != "train_seconds"]
    rows = []
    for row in found["rows"]:
        ours, gensims = row["contestants"]["w2v"], row["contestants"]["gensim"]
        pairs = [f"{ours[m]['mean']:.3f} / {gensims[m]['mean']:.3f}" for m in measures]
        rows.append([row["model"], *pairs, f"{ours['train_seconds']:.0f} / {gensims['train_seconds']:.0f}"])
    seeds, epochs = found["flags"]["seeds"], found["flags"]["epochs"]
    words = found["words"] / 1e6
    theirs = found["flags"].get("peer_seeds") or seeds
    means = f"means of {seeds} seeds" if theirs == seeds else f"means of {seeds} seeds, gensim's of {theirs}"
    yield f"**Quality** after {epochs} epochs of {words:.1f} M words, D=100, {means}: w2v / gensim."
    yield ""
    yield from table(["model", *measures, "seconds"], rows)
    yield ""
    yield machine_line(found["machine"])


def other_work(results: Results) -> Iterator[str]:
    """One table for all that is not training."""
    rows: list[list[str]] = []
    note = partial(remarks, results)
    for row in results.get("command", {}).get("rows", []):
        ours, gensims = row["contestants"]["w2v"], row["contestants"]["gensim"]
        memory = f"{ours['peak_megabytes']:.0f} MB / {gensims['peak_megabytes']:.0f} MB"
        what = f"whole command, {row['model']}, {row['epochs']} epochs, {row['workers']} threads"
        rows.append([what, rate(ours) + " words/s", times(row, "gensim"), note("command", f"peak memory {memory}")])
    for row in results.get("corpus", {}).get("rows", []):
        rows.append([row["what"], rate(row["contestants"]["w2v"]) + " words/s", times(row, "gensim"), note("corpus")])
    for row in results.get("query", {}).get("rows", []):
        of = "memory bandwidth" if "gb_per_second" in row else "matrix product"
        shape = "{:,} × {}".format(*results["query"]["shape"])
        speed = f"{row['contestants']['w2v']['per_second']:,.0f} queries/s"
        share = note("query", f"{row['share_of_peak']:.0%} of {of}")
        rows.append([f"{row['what']}, {shape}", speed, times(row, "gensim"), share])
    for row in results.get("load", {}).get("rows", []):
        lookup, query = ({"contestants": row[use]} for use in ("one lookup", "one query"))
        seconds = sorted(row["one lookup"]["w2v"]["seconds"])
        what = f"load {row['what']}, {row['rows']:,} × {results['load']['size']}"
        speed = f"{seconds[len(seconds) // 2]:.3g} s"
        rows.append([what, speed, times(lookup, "gensim"), note("load", f"with a query {times(query, 'gensim')}")])
    if rows:
        yield from table(["other work", "w2v", "against gensim", ""], rows)


def remarks(results: Results, name: str, *said: str) -> str:
    """What there is to say of a row of `name`, with the processor where it is not that of the first line."""
    cpu, first = results[name]["machine"]["cpu"], next(iter(results.values()))["machine"]["cpu"]
    return "; ".join(said if cpu == first else (*said, cpu))


def machine_line(machine: dict[str, Any]) -> str:
    """What was measured on, with which versions, and when."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    hardware = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB"
    return f"{hardware}; {versions}; {machine['date'][:10]}."


def section(results: Results, chart: str | None) -> str:
    """The whole section, in Markdown."""
    if not results:
        return "Not measured yet: `make bench` writes this section, from `benchmarks/results`."
    parts = [[machine_line(next(iter(results.values()))["machine"])]]
    parts += [[f"![words a second]({chart})"]] if chart else []
    zen4 = "**Training on a Zen 4**, which takes two turns for a register of AVX-512:"
    avx2 = "**Training with AVX2**, registers half as wide and half as many, on another machine:"
    makers = {
        "train": training,
        "train-zen4": partial(training_elsewhere, zen4),
        "train-avx2": partial(training_elsewhere, avx2),
        "threads": threads,
        "quality": quality,
    }
    parts += [list(make(results[name])) for name, make in makers.items() if name in results]
    parts += [list(other_work(results))]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def insert(readme: str, text: str) -> str:
    """The README with the section between its marks replaced; ValueError if a mark is missing."""
    before, found_start, rest = readme.partition(START)
    _, found_end, after = rest.partition(END)
    if not (found_start and found_end):
        raise ValueError(f"the README has no {START} … {END}")
    return f"{before}{START}\n{text}\n{END}{after}"


def draw(results: Results, path: Path) -> None:
    """A bar for each contestant and model: one thread, D=100."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [r for r in results["train"]["rows"] if r["workers"] == 1 and r["vector_size"] == 100]
    names = [n for n in ("w2v", *PEERS) if any(n in r["contestants"] for r in rows)]
    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.8 * len(rows)))
    height = 0.8 / len(names)
    for i, name in enumerate(names):
        values = [r["contestants"].get(name, {}).get("per_second", 0) / 1e6 for r in rows]
        places = [-place - i * height for place in range(len(rows))]
        bars = axes.barh(places, values, height, label=name)
        axes.bar_label(bars, [f"{v:.2f}" if v else "" for v in values], padding=2, fontsize=7)
    labels = [f"{r['model']}, {millions(r)} words" for r in rows]
    axes.set_yticks([-place - 0.4 + height / 2 for place in range(len(rows))], labels, fontsize=8)
    axes.set_xlabel("million words a second, one thread, D=100")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=150, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    made = argparse.ArgumentParser(description="Write the README's benchmark section and the chart.")
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--readme", type=Path, default=ROOT / "README.md")
    args = made.parse_args()
    results = read(args.results)
    chart = None
    if any(r["workers"] == 1 and r["vector_size"] == 100 for r in results.get("train", {}).get("rows", [])):
        draw(results, args.results / CHART)
        chart = (args.results / CHART).resolve().relative_to(args.readme.resolve().parent).as_posix()
    args.readme.write_text(insert(args.readme.read_text(), section(results, chart)))


if __name__ == "__main__":
    main()
