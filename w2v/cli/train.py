"""`w2v train`: text in, vectors out. Owns what is checked before the work begins; train_run.py does the work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import W2VError
from .console import say
from .options import format_option
from .paths import check_format, check_output
from .progress import Bar, Stoppable
from .train_options import FILES, MODEL, RUN, SENTENCES, VOCABULARY, add, config_of

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint, Schedule
    from ..config import TrainConfig
    from ..corpus import EncodedCorpus
    from ..vectors import KeyedVectors
    from ..vocab import Vocab


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", required=True, type=click.Path(), help="Where to write the vectors.")
@format_option
@add(MODEL, RUN, VOCABULARY, SENTENCES, FILES)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and warnings.")
def train(
    inputs: tuple[str, ...],
    output: str,
    file_format: str | None,
    save_vocab: str | None,
    read_vocab: str | None,
    init: str | None,
    init_lock: float,
    checkpoint: str | None,
    checkpoint_every: str,
    resume: str | None,
    device: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Train word vectors on INPUT: files, directories, globs or - (standard input), plain or compressed.

    A line is a sentence, words stand between white space. The output format follows the suffix of OUTPUT: .bin word2vec
    binary, .txt and .vec word2vec text, .glove GloVe; any other: native, which keeps all that training needs to go on.

    SIGINT and SIGTERM end a run in good order: the vectors so far are written, and the checkpoint if there is to be one.
    A second one ends it at once.
    """
    _check_usage(init, checkpoint, resume, options)
    directory = resume if resume is not None else checkpoint
    _check_outputs(output, file_format, save_vocab, directory, [*inputs, *filter(None, [read_vocab, init])])
    schedule = _schedule(directory, checkpoint_every)
    with _reserved(directory, resume):
        vectors, saved = _load_start(init, resume, options)
        config = config_of(options)
        _check_device(device, config)
        _tell_deterministic(config, quiet)
        vocab, corpus = _encode(inputs, config, read_vocab, quiet, options)
        from .train_run import Run

        with corpus, Stoppable() as stop:
            if not quiet:
                say(corpus.stats.summary())
            if save_vocab is not None:
                vocab.save(save_vocab)
            if saved is not None and directory is not None:
                run = Run.resume(saved, config, vocab, corpus, directory, quiet)
            else:
                run = Run.begin(config, vocab, corpus, vectors, init_lock, directory, quiet)
            result = run.train(schedule, device, stop.event)
            if run.trained(result):
                run.write(output, file_format, result)
                if not quiet or not result.finished:
                    say(f"{output}: {len(vocab):,} words, {config.vector_size} numbers each")
    if not result.finished:
        _tell_stopped(run.trained(result), result.position.epoch + 1, config.epochs, directory)
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


def _tell_stopped(trained: bool, epoch: int, epochs: int, directory: str | None) -> None:
    if not trained:
        say("stopped before the training: nothing is written")
        return
    say(f"stopped in epoch {epoch} of {epochs}: these are the vectors so far")
    if directory is not None:
        say(f"to go on, give the same command with --resume {directory}")


def _tell_deterministic(config: TrainConfig, quiet: bool) -> None:
    if config.deterministic and config.threads > 1 and not quiet:
        say(f"--deterministic: one thread trains, of {config.threads}; how threads meet in the same rows cannot be repeated")


def _reserved(directory: str | None, resume: str | None) -> AbstractContextManager[None]:
    """Hold the directory of the checkpoints, if there is one, from before the reading to the end."""
    if directory is None:
        return nullcontext()
    from ..checkpoint import reserved

    return reserved(directory, resume=resume is not None)


def _check_usage(init: str | None, checkpoint: str | None, resume: str | None, options: dict[str, Any]) -> None:
    """Refuse options that would have no effect (click.UsageError)."""
    if _given("init_lock") and init is None:
        raise click.UsageError("--init-lock is about the vectors of --init")
    if _given("checkpoint_every") and checkpoint is None and resume is None:
        raise click.UsageError("--checkpoint-every needs --checkpoint DIR")
    if options["sg"] and (_given("cbow_mean") or _given("cbow_gradient")):
        raise click.UsageError("--cbow-mean, --cbow-sum and --cbow-gradient are about --cbow")
    if not options["cbow_mean"] and _given("cbow_gradient"):
        raise click.UsageError("--cbow-gradient is about the mean of the context words, not about --cbow-sum")
    if options["negative"] == 0 and _given("ns_exponent"):
        raise click.UsageError("--ns-exponent is about noise words, and --negative is 0")
    if checkpoint is not None and resume is not None and Path(checkpoint).resolve() != Path(resume).resolve():
        raise click.UsageError("--resume goes on from a directory and writes its checkpoints there: leave --checkpoint out")
    if init is not None and resume is not None:
        raise click.UsageError("--resume goes on from a checkpoint, --init from other vectors: give one of them")


def _given(option: str) -> bool:
    """Whether the user gave it; a default has no voice."""
    return click.get_current_context().get_parameter_source(option) is not click.core.ParameterSource.DEFAULT


def _check_outputs(
    output: str, file_format: str | None, save_vocab: str | None, directory: str | None, sources: list[str]
) -> None:
    check_output(output, sources)
    check_format(output, file_format)
    if save_vocab is not None:
        check_output(save_vocab, sources)
    if directory is not None:
        existing = Path(directory)
        while not existing.exists():
            existing = existing.parent
        check_output(str(existing / "checkpoint"), sources)


def _check_device(device: str, config: TrainConfig) -> None:
    """Refuse a GPU that is not there before anything is read."""
    from ..device import choose  # not at the top: importlib.metadata doubles the time of --help

    choose(device, deterministic=config.deterministic)


def _schedule(directory: str | None, every: str) -> Schedule | None:
    if directory is None:
        return None
    from ..checkpoint import Schedule

    return Schedule.parse(every)


def _load_start(init: str | None, resume: str | None, options: dict[str, Any]) -> tuple[KeyedVectors | None, Checkpoint | None]:
    """What to start from. The vectors of --init also give the vector size, unless --size was given."""
    if resume is not None:
        from ..checkpoint import load as load_checkpoint

        return None, load_checkpoint(resume)
    if init is None:
        return None, None
    from ..formats import load

    vectors: KeyedVectors = load(init)
    if not _given("vector_size"):
        options["vector_size"] = vectors.vector_size
    elif options["vector_size"] != vectors.vector_size:
        raise W2VError(
            f"{init} holds vectors of {vectors.vector_size} numbers, not {options['vector_size']}",
            f"leave --size out, or give --size {vectors.vector_size}",
        )
    return vectors, None


def _encode(
    inputs: tuple[str, ...], config: TrainConfig, read_vocab: str | None, quiet: bool, options: dict[str, Any]
) -> tuple[Vocab, EncodedCorpus]:
    from ..corpus import encode
    from ..vocab import Vocab

    limits: dict[str, Any] = {"min_count": config.min_count, "max_final_vocab": config.max_final_vocab}
    if read_vocab is not None:
        whole = Vocab.load(read_vocab)
        limits = {"vocab": Vocab.from_counts((whole.words, whole.counts), **limits)}
    with Bar("reading", "B", quiet) as bar:
        vocab, corpus = encode(list(inputs), progress=bar.read, **limits, **options)
    return vocab, corpus
