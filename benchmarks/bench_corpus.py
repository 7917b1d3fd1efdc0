"""Reading a text: our vocabulary and ids beside gensim's vocabulary alone (it reads the text anew in every epoch).

python -m benchmarks.bench_corpus --corpus text8
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from . import common
from .contestants import MIN_COUNT, Work, flat, gensim_model

WORK = Work(sg=True, hs=False, vector_size=100, window=5, negative=5)


def timed(job: Callable[[], Any]) -> Callable[[], float]:
    """The job, reporting its seconds."""

    def run() -> float:
        start = time.perf_counter()
        job()
        return time.perf_counter() - start

    return run


def encode(text: common.Text) -> None:
    from w2v.corpus import encode as w2v_encode

    w2v_encode(text.path, min_count=MIN_COUNT)[1].close()


def gensim_vocabulary(text: common.Text) -> None:
    """Counting and choosing words; without the vectors, which build_vocab() would make as well."""
    model = gensim_model(WORK, 1)
    _, model.corpus_count = model.scan_vocab(corpus_file=str(text.path))
    model.prepare_vocab()


def word2vec_c_vocabulary(program: str, text: common.Text) -> None:
    """word2vec.c ends after the vocabulary when it is given no output."""
    with tempfile.NamedTemporaryFile() as saved:
        options = {"-train": text.path, "-save-vocab": saved.name, "-min-count": MIN_COUNT}
        subprocess.run([program, *flat(options)], stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    args = common.parse(common.parser(__doc__))
    with common.text_of(args) as text:
        runs = {"w2v": timed(lambda: encode(text)), "gensim": timed(lambda: gensim_vocabulary(text))}
        if args.word2vec_c:
            runs["word2vec.c"] = timed(lambda: word2vec_c_vocabulary(args.word2vec_c, text))
        first = runs["w2v"]()  # loads the compiled functions
        table = common.compare(common.take_turns(runs, args.turns), text.words)
        row = {"what": "vocabulary, and ids", "first_seconds": round(first, 2), "contestants": table}
        common.show("vocabulary and encoding", table, "k words/s", 1e-3)
        size = text.path.stat().st_size
        common.write(args, "corpus", [row], words=text.words, bytes=size, vocabulary=text.types(MIN_COUNT))


if __name__ == "__main__":
    main()
