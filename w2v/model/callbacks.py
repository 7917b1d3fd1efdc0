"""Hooks into training. Owns their names; training.py calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .word2vec import Word2Vec


class CallbackAny2Vec:
    """Inherit from this and override what you need; hand instances to Word2Vec(callbacks=...) or train(callbacks=...).

    The model may be read and changed by them: alpha, min_alpha, vectors_lockf, running_training_loss, the weights and
    so on count from the next epoch. An exception ends the training and comes out of train(). Callbacks are not saved
    with a model.

    >>> from w2v import CallbackAny2Vec, Word2Vec
    >>> class Losses(CallbackAny2Vec):
    ...     def __init__(self):
    ...         self.seen = []
    ...     def on_epoch_end(self, model):
    ...         self.seen.append(model.get_latest_training_loss())
    >>> losses = Losses()
    >>> _ = Word2Vec([["cat", "says", "meow"]] * 9, min_count=1, sample=0, compute_loss=True, callbacks=[losses])
    >>> len(losses.seen), losses.seen[0] < losses.seen[-1]
    (5, True)
    """

    def on_train_begin(self, model: Word2Vec) -> None:
        """Before the first epoch of a call of train()."""

    def on_epoch_begin(self, model: Word2Vec) -> None:
        """Before each epoch."""

    def on_epoch_end(self, model: Word2Vec) -> None:
        """After each epoch; with compute_loss the model's loss includes it."""

    def on_train_end(self, model: Word2Vec) -> None:
        """After the last epoch."""
