"""The options of `w2v train`: TrainConfig's fields under the names people know from word2vec.c and gensim.

Defaults are TrainConfig's, so that they stand in one place. Checks beyond the type are TrainConfig's, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from ..config import DEFAULT_ALPHA, DEFAULT_ALPHA_DIVIDED, CbowGradient, Saturation, TrainConfig

Callback = Callable[..., Any]
Decorator = Callable[[Any], Any]


def usable_cpus() -> int:
    """Processors this process may run on; fewer than the machine has under taskset or in a container's cpuset."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _field(*names: str, type: Any = None, help: str, **settings: Any) -> Decorator:
    """An option for the field of TrainConfig that the last name spells."""
    settings.setdefault("default", getattr(TrainConfig, names[-1]))
    settings.setdefault("show_default", settings["default"] is not None)
    return click.option(*names, type=type, help=help, **settings)


def _choices(kind: Any) -> click.Choice[str]:
    return click.Choice([member.value for member in kind])


MODEL = [
    _field("--size", "--vector-size", "vector_size", type=int, metavar="N", help="Numbers per word."),
    _field("--window", "window", type=int, metavar="N", help="Words on each side that count as context."),
    _field("--sg/--cbow", "sg", help="Skip-gram, or continuous bag of words."),
    _field("--hs", "hs", is_flag=True, help="Hierarchical softmax; alone with --negative 0."),
    _field("--negative", "negative", type=int, metavar="N", help="Noise words per centre; 0: no negative sampling."),
    _field("--noise-group", "noise_group", type=int, metavar="N",
           help="Neighbouring centres that share noise words and window: faster; 1 is word2vec.c's way."),
    _field("--ns-exponent", "ns_exponent", type=float, metavar="X", help="Noise is drawn by count ** X."),
    _field("--sample", "sample", type=float, metavar="X",
           help="Thin out words above this share of the corpus; 0: none; 1 or more: above a count."),
    _field("--shrink-window/--fixed-window", "shrink_windows",
           help="Draw each window from 1 to --window, or always use the whole."),
    _field("--cbow-mean/--cbow-sum", "cbow_mean", help="CBOW: the mean of the context words, or their sum."),
    _field("--cbow-gradient", "cbow_gradient", type=_choices(CbowGradient), default=TrainConfig.cbow_gradient.value,
           help="CBOW: a context word moves by the whole error (word2vec.c), or by its share (the true gradient)."),
    _field("--saturation", "saturation", type=_choices(Saturation), default=TrainConfig.saturation.value,
           help="Pairs beyond a logit of 6: corrected in full (word2vec.c), skipped (gensim), or no limit."),
]  # fmt: skip

RUN = [
    _field("--iter", "--epochs", "epochs", type=int, metavar="N", help="Passes over the corpus."),
    _field("--alpha", "alpha", type=float, metavar="X", help="First learning rate.",
           show_default=f"{DEFAULT_ALPHA}; {DEFAULT_ALPHA_DIVIDED} for CBOW with divided gradient"),
    _field("--min-alpha", "min_alpha", type=float, metavar="X", help="Last learning rate, reached linearly."),
    _field("--threads", "--workers", "threads", type=int, metavar="N", default=usable_cpus,
           show_default="all processors", help="Threads. With 1 a run can be repeated bit for bit."),
    _field("--deterministic", "deterministic", is_flag=True,
           help="The same vectors whatever the number of threads: train on one."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True,
                 help="Train on the processor, on an NVIDIA GPU, or on a GPU if there is one."),
    _field("--seed", "seed", type=int, metavar="N", help="Of all random draws."),
]  # fmt: skip

VOCABULARY = [
    _field("--min-count", "min_count", type=int, metavar="N", help="Leave out words that occur less often."),
    _field("--max-final-vocab", "max_final_vocab", type=int, metavar="N",
           help="Raise --min-count until at most N words are left."),
    click.option("--max-vocab-size", type=click.IntRange(1), metavar="N",
                 help="Forget rare words while counting, to hold at most N in memory."),
    click.option("--lower", is_flag=True, help="Fold words to lower case."),
]  # fmt: skip

SENTENCES = [
    click.option("--max-sentence-length", type=click.IntRange(1), default=10_000, show_default=True, metavar="N",
                 help="Longer lines are cut into sentences of N words."),
]  # fmt: skip

FILES = [
    click.option("--save-vocab", type=click.Path(), metavar="FILE", help="Write the vocabulary, as word2vec.c does."),
    click.option("--read-vocab", type=click.Path(), metavar="FILE", help="Use this vocabulary and its counts."),
    click.option("--init", type=click.Path(), metavar="FILE", help="Start from these vectors, for the words they have."),
    click.option("--init-lock", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="X",
                 help="How far words of --init may move: 0 frozen, 1 free."),
    click.option("--checkpoint", type=click.Path(file_okay=False), metavar="DIR",
                 help="Write the state of the run here now and then."),
    click.option("--checkpoint-every", default="30m", show_default=True, metavar="X",
                 help="How often: a time (30s, 10m, 2h), or a number of words (500Mw)."),
    click.option("--resume", type=click.Path(file_okay=False), metavar="DIR",
                 help="Go on from the checkpoint in DIR, and write further ones there."),
]  # fmt: skip


def add(*groups: Sequence[Decorator]) -> Decorator:
    """Decorate a callback with the options of the groups, in their order."""

    def decorate(callback: Callback) -> Callback:
        for option in reversed([option for group in groups for option in group]):
            callback = option(callback)
        return callback

    return decorate


def config_of(options: dict[str, Any]) -> TrainConfig:
    """The TrainConfig that the options spell; they are taken out of the dictionary (ConfigError)."""
    names = [name for name in options if hasattr(TrainConfig, name) or name in ("alpha", "max_final_vocab")]
    return TrainConfig(**{name: options.pop(name) for name in names})
