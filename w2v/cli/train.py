"""`w2v train`: text in, vectors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import W2VError
from .console import say
from .options import format_option
from .paths import check_format, check_output
from .progress import Bar, Stoppable
from .train_options import MODEL, RUN, SENTENCES, VOCABULARY, add, config_of

if TYPE_CHECKING:
    from ..config import TrainConfig
    from ..corpus import EncodedCorpus
    from ..train import Result
    from ..vectors import KeyedVectors
    from ..vocab import Vocab


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", required=True, type=click.Path(), help="Where to write the vectors.")
@format_option
@add(MODEL, RUN, VOCABULARY, SENTENCES)
@click.option("--save-vocab", type=click.Path(), metavar="FILE", help="Write the vocabulary, as word2vec.c does.")
@click.option("--read-vocab", type=click.Path(), metavar="FILE", help="Use this vocabulary and its counts.")
@click.option("--init", type=click.Path(), metavar="FILE", help="Start from these vectors, for the words they have.")
@click.option("--init-lock", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="X",
              help="How far words of --init may move: 0 frozen, 1 free.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and warnings.")
def train(
    inputs: tuple[str, ...],
    output: str,
    file_format: str | None,
    save_vocab: str | None,
    read_vocab: str | None,
    init: str | None,
    init_lock: float,
    quiet: bool,
    **options: Any,
) -> None:
    """Train word vectors on INPUT: files, directories, globs or - (standard input), plain or compressed.

    A line is a sentence, words stand between white space. The output format follows the suffix of OUTPUT: .bin word2vec
    binary, .txt and .vec word2vec text, .glove GloVe; any other: native, which keeps all that training needs to go on.
    """
    sources = [*inputs, *(name for name in (read_vocab, init) if name is not None)]
    check_output(output, sources)
    check_format(output, file_format)
    if save_vocab is not None:
        check_output(save_vocab, sources)
    start = _load_init(init, options)
    config = config_of(options)
    vocab, corpus = _encode(inputs, config, read_vocab, quiet, options)
    with corpus:
        _report(corpus, save_vocab, vocab, quiet)
        result, stopped = _run(corpus, vocab, config, start, init_lock, quiet)
        _save(output, file_format, vocab, result, config, corpus)
    if not quiet or not result.finished:
        say(f"{output}: {len(vocab):,} words, {config.vector_size} numbers each")
    if not result.finished:
        say(f"stopped in epoch {result.position.epoch + 1} of {config.epochs}: these are the vectors so far")
        raise SystemExit(128 + stopped)


def _load_init(init: str | None, options: dict[str, Any]) -> KeyedVectors | None:
    """The vectors to start from. They also give the vector size, unless --size was given."""
    if init is None:
        return None
    from ..formats import load

    vectors: KeyedVectors = load(init)
    given = click.get_current_context().get_parameter_source("vector_size")
    if given is click.core.ParameterSource.DEFAULT:
        options["vector_size"] = vectors.vector_size
    elif options["vector_size"] != vectors.vector_size:
        raise W2VError(
            f"{init} holds vectors of {vectors.vector_size} numbers, not {options['vector_size']}",
            f"leave --size out, or give --size {vectors.vector_size}",
        )
    return vectors


def _encode(
    inputs: tuple[str, ...], config: TrainConfig, read_vocab: str | None, quiet: bool, options: dict[str, Any]
) -> tuple[Vocab, EncodedCorpus]:
    from ..corpus import encode
    from ..vocab import Vocab

    vocab = None
    if read_vocab is not None:
        whole = Vocab.load(read_vocab)
        vocab = Vocab.from_counts((whole.words, whole.counts), config.min_count, config.max_final_vocab)
    with Bar("reading", "B", quiet) as bar:
        vocab, corpus = encode(
            list(inputs), min_count=config.min_count, max_final_vocab=config.max_final_vocab, vocab=vocab,
            progress=bar.read, **options,
        )  # fmt: skip
    return vocab, corpus


def _report(corpus: EncodedCorpus, save_vocab: str | None, vocab: Vocab, quiet: bool) -> None:
    if not quiet:
        say(corpus.stats.summary())
    if save_vocab is not None:
        vocab.save(save_vocab)


def _run(
    corpus: EncodedCorpus, vocab: Vocab, config: TrainConfig, start: KeyedVectors | None, init_lock: float, quiet: bool
) -> tuple[Result, int]:
    """Train; also returns the number of the signal that ended it, if one did."""
    import numpy as np

    from ..train import train as run
    from ..weights import Weights, copy_known

    weights, lock = Weights.create(len(vocab), config), None
    if start is not None:
        known = copy_known(weights, vocab.words, start)
        if not quiet:
            say(f"{known:,} of {len(vocab):,} words start from known vectors")
        if init_lock != 1:
            lock = np.array([init_lock if start.has_index_for(word) else 1 for word in vocab.words], np.float32)
    with Stoppable() as stop, Bar("training", " words", quiet) as bar:
        result = run(
            corpus, vocab.counts, config, weights=weights, lock=lock, on_progress=bar.train, stop=stop.event,
            on_epoch=lambda number, so_far: bar.epoch(number, so_far, config.epochs, corpus.raw_words),
        )  # fmt: skip
        return result, int(stop.signal)


def _save(
    output: str, file_format: str | None, vocab: Vocab, result: Result, config: TrainConfig, corpus: EncodedCorpus
) -> None:
    from .. import __version__, formats
    from ..vectors import KeyedVectors, PackedWords

    weights, size = result.weights, config.vector_size
    kv = KeyedVectors.from_arrays(PackedWords(vocab.blob, vocab.offsets), weights.vectors, counts=vocab.counts)
    if formats.format_for(output, file_format) != "native":
        formats.save(kv, output, file_format)
        return
    record = {
        "program": f"w2v {__version__}",
        "corpus": corpus.identity,
        "raw_words": corpus.raw_words,
        "tokens": corpus.n_tokens,
        "finished": result.finished,
        "seconds": round(result.seconds, 3),
        "loss": [epoch.mean_loss for epoch in result.epochs],
    }
    formats.native.save_model(
        output, kv, config=config, record=record,
        w_out=None if weights.w_out is None else weights.w_out[:, :size],
        w_node=None if weights.w_node is None else weights.w_node[: len(vocab) - 1, :size],
    )  # fmt: skip
