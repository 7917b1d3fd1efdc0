"""What a training run is asked to do. Owns every hyper-parameter, its default and its check; touches no data.

Names are those of word2vec.c and gensim. Where the field disagrees on a rule, the choice is an enum with a citation.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import operator
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError


class CbowGradient(str, enum.Enum):
    """How the error of CBOW's hidden vector is handed back to its C context rows.

    SHARED   every context row moves by the whole error, though the hidden vector is their mean
             (word2vec.c lines 484-487; gensim with cbow_mean=1).
    DIVIDED  every context row moves by error / C: the true gradient of the mean (İrsoy, Benton, Stratos 2021,
             "Corrected CBOW performs as well as skip-gram", eq. 4). It needs a larger learning rate.

    With `cbow_mean=False` the hidden vector is the sum, whose true gradient is SHARED.
    """

    SHARED = "shared"
    DIVIDED = "divided"


class Saturation(str, enum.Enum):
    """What happens to a pair whose logit is beyond ±6 (MAX_EXP of word2vec.c).

    CLAMP  negative sampling: the sigmoid is taken as 0 or 1, so that a confidently wrong pair is still corrected;
           hierarchical softmax: the node is left alone (both as in word2vec.c).
    SKIP   the pair is left alone in both (gensim).
    NONE   the sigmoid is computed, however large the logit.
    """

    CLAMP = "clamp"
    SKIP = "skip"
    NONE = "none"


# Learning rates when none is given. Skip-gram and shared CBOW: word2vec.c's and gensim's .025 (word2vec.c uses .05 for CBOW).
DEFAULT_ALPHA = 0.025
DEFAULT_ALPHA_DIVIDED = 0.12
# 3 trains 1.7 times as many words a second as 1 at the same similarity and analogy scores (three seeds, 17 M tokens).
DEFAULT_NOISE_GROUP = 3
# Centres of CBOW with Huffman paths, unless each is on its own: 8 take .95 of the time of 3 at the same scores.
PATH_GROUP = 8
MOST_NEGATIVE = 10_000  # a kernel has as many output rows at hand, and Ctrl-C waits for a chunk of words that meet them all
MOST_WINDOW = 10**9  # kernels add to it in int32; wider than any sentence, and a sentence is all that a window reaches
MOST_ALPHA = 3.4e38  # of float32
MOST_NOISE_GROUP = 12  # each thread has a table of 2**noise_group rows


@dataclass(frozen=True)
class TrainConfig:
    """Hyper-parameters of one training run; immutable, checked on construction (ConfigError)."""

    vector_size: int = 100  # D, numbers per word
    window: int = 5  # words on each side; drawn from 1..window per group of centres when shrink_windows
    sg: bool = True  # skip-gram; False: CBOW
    hs: bool = False  # hierarchical softmax, alone or beside negative sampling
    negative: int = 5  # noise words per centre; 0: no negative sampling
    ns_exponent: float = 0.75  # noise distribution is count ** ns_exponent
    sample: float = 1e-3  # subsampling threshold, a share of the corpus; 0: off; >= 1: an absolute count
    alpha: float | None = None  # first learning rate; None: the default of the model
    min_alpha: float = 0.0001  # last learning rate, reached linearly
    epochs: int = 5
    min_count: int = 5
    max_final_vocab: int | None = None  # keep at most so many words: min_count is raised
    shrink_windows: bool = True  # dynamic window (Mikolov et al. 2013); False: always the whole window
    cbow_mean: bool = True  # False: the context rows are summed
    cbow_gradient: CbowGradient = CbowGradient.SHARED
    saturation: Saturation = Saturation.CLAMP
    noise_group: int = DEFAULT_NOISE_GROUP  # consecutive centres that share a window, noise words and a step
    seed: int = 1
    threads: int = 1
    deterministic: bool = False  # the same vectors for the same seed with any number of threads: trains on one

    def __post_init__(self) -> None:
        self._set("cbow_gradient", _choice(CbowGradient, self.cbow_gradient, "cbow_gradient"))
        self._set("saturation", _choice(Saturation, self.saturation, "saturation"))
        # numbers become Python's own: those of numpy would not go into JSON, and would have kernels compiled anew
        for name, least in _LEAST.items():
            self._set(name, _whole(name, getattr(self, name), least))
        for name in ("ns_exponent", "sample", "min_alpha"):
            self._set(name, _number(name, getattr(self, name)))
        for name in ("sg", "hs", "shrink_windows", "cbow_mean", "deterministic"):
            self._set(name, _flag(name, getattr(self, name)))
        if self.alpha is not None:
            self._set("alpha", _number("alpha", self.alpha))
        if self.max_final_vocab is not None:
            self._set("max_final_vocab", _whole("max_final_vocab", self.max_final_vocab, 1))
        if self.negative > MOST_NEGATIVE:
            raise ConfigError(f"negative is {self.negative:,}, of at most {MOST_NEGATIVE:,}", "5 to 20 are usual")
        if self.window > MOST_WINDOW:
            hint = "no window reaches beyond its sentence: the length of the longest takes in all"
            raise ConfigError(f"window is {self.window:,}, of at most {MOST_WINDOW:,}", hint)
        if self.noise_group > MOST_NOISE_GROUP:
            raise ConfigError(f"noise_group is {self.noise_group}, of at most {MOST_NOISE_GROUP}")
        if self.sample < 0 or self.min_alpha < 0 or (self.alpha is not None and self.alpha < 0):
            raise ConfigError("sample, alpha and min_alpha cannot be negative")
        if max(self.min_alpha, self.start_alpha) > MOST_ALPHA:
            raise ConfigError(f"alpha and min_alpha are at most {MOST_ALPHA:g}, the largest number of the kernels")
        if not self.hs and self.negative == 0:
            raise ConfigError("nothing to learn: negative is 0 and hs is off", "give --negative 5, or --hs")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the class is frozen

    @property
    def start_alpha(self) -> float:
        """The first learning rate, with the model's default filled in."""
        if self.alpha is not None:
            return float(self.alpha)
        divided = not self.sg and self.cbow_mean and self.cbow_gradient is CbowGradient.DIVIDED
        return DEFAULT_ALPHA_DIVIDED if divided else DEFAULT_ALPHA

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a model file."""
        out = dataclasses.asdict(self)
        return {k: v.value if isinstance(v, enum.Enum) else v for k, v in out.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of `to_dict`; unknown names are refused (ConfigError)."""
        if not isinstance(values, dict):
            raise ConfigError(f"the training parameters are {type(values).__name__}, not a dictionary")
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown training parameter {unknown[0]!r:.60}", f"known: {', '.join(sorted(known))}")
        return cls(**values)

    def replace(self, **changes: Any) -> TrainConfig:
        """A copy with some values changed."""
        return dataclasses.replace(self, **changes)


_LEAST = {"vector_size": 1, "window": 1, "negative": 0, "epochs": 1, "min_count": 0, "seed": 0, "noise_group": 1, "threads": 1}


def _choice(kind: type[enum.Enum], value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{name}={value!r:.60} is not one of {', '.join(m.value for m in kind)}") from None


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < least:
        raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r:.60}")
    return operator.index(value)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, (bool, str, bytes)) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{name} must be a finite number, not {value!r:.60}")
    return number


def _flag(name: str, value: Any) -> bool:
    """True or False; also 1 or 0, as gensim has it."""
    if value not in (0, 1):
        raise ConfigError(f"{name} must be True or False, not {value!r:.60}")
    return bool(value)
