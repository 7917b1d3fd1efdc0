"""The arithmetic of the search against the obvious NumPy, on every shape of matrix it promises to take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2v.vectors import search
from w2v.vectors.search import Directions, best_of, best_of_each, row_norms


def directions(vectors):
    return Directions.of(vectors, row_norms(vectors))


def naive_cosines(vectors, query):
    vectors, query = np.asarray(vectors, np.float64), np.asarray(query, np.float64)
    with np.errstate(all="ignore"):
        cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    return np.where(np.isfinite(cosines), cosines, np.nan)


def naive_best(scores, k):
    ranked = [i for i in np.lexsort((np.arange(len(scores)), -scores)) if scores[i] > -np.inf]
    return ranked[:k]


def variants(tmp_path):
    rng = np.random.default_rng(7)
    plain = rng.standard_normal((500, 20)).astype(np.float32)
    padded = np.full((500, 32), np.nan, np.float32)
    padded[:, :20] = plain
    plain.tofile(tmp_path / "vectors")
    packed = np.zeros(500 * 20 * 4 + 1, np.uint8)
    packed[1:] = plain.view(np.uint8).ravel()
    return plain, {
        "contiguous": plain,
        "padded rows": padded[:, :20],
        "read-only map": np.memmap(tmp_path / "vectors", np.float32, "r", shape=(500, 20)),
        "columns first": np.asfortranarray(plain),
        "every other number": np.repeat(plain, 2, axis=1)[:, ::2],
        "backwards": plain[::-1].copy()[::-1],
        "unaligned": packed[1:].view(np.float32).reshape(500, 20),
        "foreign byte order": plain.astype(">f4"),
        "double": plain.astype(np.float64),
        "half": plain.astype(np.float16),
    }


def test_every_layout_gives_the_same_cosines(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_BLOCK_ROWS", 64)
    plain, layouts = variants(tmp_path)
    query = plain[3] / np.linalg.norm(plain[3])
    for name, vectors in layouts.items():
        rows = directions(vectors)
        tolerance = 2e-3 if name == "half" else 2e-6
        np.testing.assert_allclose(rows.cosines(query), naive_cosines(plain, query), atol=tolerance, err_msg=name)
        np.testing.assert_allclose(rows.units(np.array([3]))[0], query, atol=tolerance, err_msg=name)
        ids, _ = best_of_each(rows, query[None], 5)
        assert ids[0].tolist() == naive_best(naive_cosines(vectors, query), 5), name
        assert rows.dtype == (np.float64 if name == "double" else np.float32)


def test_a_padded_or_mapped_matrix_is_never_copied(tmp_path, monkeypatch):
    _, layouts = variants(tmp_path)
    monkeypatch.setattr(np, "ascontiguousarray", lambda *_: pytest.fail("copied"))
    for name in ("contiguous", "padded rows", "read-only map"):
        rows = directions(layouts[name])
        rows.cosines(np.ones(20, np.float32))
        assert np.shares_memory(rows._rows(10, 20), layouts[name])


def test_norms_of_tiny_and_huge_rows_neither_vanish_nor_overflow():
    vectors = np.array([[1e-25, 1e-25], [1e25, 0], [3, 4], [0, 0], [np.nan, 1], [np.inf, 1]], np.float32)
    norms = row_norms(vectors)
    assert norms.dtype == np.float32
    np.testing.assert_allclose(norms[:3], [2**0.5 * 1e-25, 1e25, 5], rtol=1e-6)
    assert Directions.of(vectors, norms).blank.tolist() == [3, 4, 5]


def test_rows_without_direction_have_no_cosine_and_no_rank():
    vectors = np.array([[1, 0], [0, 0], [np.nan, 1], [0, 1], [np.inf, 1], [-1, 0]], np.float32)
    rows = directions(vectors)
    cosines = rows.cosines(np.array([1, 0], np.float32))
    assert np.isnan(cosines).tolist() == [False, True, True, False, True, False]
    assert best_of(cosines, 6).tolist() == [0, 3, 5]
    ids, scores = best_of_each(rows, np.array([[1, 0], [0, 1]], np.float32), 6)
    assert ids.tolist() == [[0, 3, 5, -1, -1, -1], [3, 0, 5, -1, -1, -1]]
    assert np.isnan(scores).sum() == 6
    part = rows.span(2, 5)
    assert part.blank.tolist() == [0, 2]
    assert len(part) == 3


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 400),
    st.integers(1, 60),
    st.integers(1, 5),
    st.sampled_from([3, 50, 10**6]),
    st.integers(0, 2**32 - 1),
)
def test_the_best_are_those_of_a_full_sort(n, k, queries, grain, seed):
    """Coarse grains make ties, which must come in the order of the rows."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.standard_normal(n) * grain).astype(np.float32)
    scores[rng.random(n) < 0.1] = -np.inf
    scores[rng.random(n) < 0.1] = np.nan
    assert best_of(scores, k).tolist() == naive_best(np.where(np.isnan(scores), -np.inf, scores), k)


@pytest.mark.parametrize("tile", [8, 64, 4096])
@pytest.mark.parametrize("k", [1, 3, 10, 40, 1000])
@pytest.mark.parametrize("order", ["random", "rising", "ties"])
def test_batches_agree_with_a_full_sort(monkeypatch, tile, k, order):
    """However the walk is cut, and also where every row beats the one before."""
    monkeypatch.setattr(search, "TILE_ROWS", tile)
    monkeypatch.setattr(search, "QUERY_ROWS", 4)
    rng = np.random.default_rng(k)
    vectors = rng.integers(-2, 3, (700, 3)).astype(np.float32) if order == "ties" else rng.standard_normal((700, 3))
    vectors = vectors.astype(np.float32)
    units = directions(rng.standard_normal((11, 3)).astype(np.float32)).units(np.arange(11))
    if order == "rising":
        vectors = vectors[np.argsort(vectors @ units[0] / np.linalg.norm(vectors, axis=1))]
    rows = directions(vectors)
    ids, scores = best_of_each(rows, units, k)
    for unit, found, score in zip(units, ids, scores, strict=True):
        expected = next(tile for _, tile in rows.tiles(unit[None], 10_000))[0]
        expected = np.where(np.isin(np.arange(700), rows.blank), -np.inf, expected)
        np.testing.assert_allclose(score[found >= 0], np.sort(expected[expected > -np.inf])[::-1][:k], atol=1e-6)
        np.testing.assert_allclose(expected[found[found >= 0]], score[found >= 0], atol=1e-6)
        equal = score[:-1] == score[1:]
        assert (np.diff(found)[equal & (found[1:] >= 0)] > 0).all()
        assert len(set(found[found >= 0].tolist())) == min(k, 700 - len(rows.blank))


def test_excluded_rows_are_left_out_for_their_query_alone(monkeypatch):
    monkeypatch.setattr(search, "QUERY_ROWS", 2)
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    rows = directions(vectors)
    units = rows.units(np.arange(5))
    ids, _ = best_of_each(rows, units, 1)
    assert ids[:, 0].tolist() == [0, 1, 2, 3, 4]
    ids, _ = best_of_each(rows, units, 300, (np.array([3, 0, 0]), np.array([3, 299, 0])))
    assert 3 not in ids[3]
    assert not {0, 299} & set(ids[0].tolist())
    assert [sum(row >= 0) for row in ids] == [298, 300, 300, 299, 300]


def test_nothing_to_search_or_to_ask():
    rows = directions(np.empty((0, 4), np.float32))
    assert rows.cosines(np.ones(4)).shape == (0,)
    assert best_of_each(rows, np.ones((2, 4), np.float32), 3)[0].shape == (2, 0)
    some = directions(np.ones((3, 4), np.float32))
    assert best_of_each(some, np.empty((0, 4), np.float32), 3)[0].shape == (0, 3)
    assert best_of(np.empty(0, np.float32), 3).tolist() == []


def test_memory_of_a_batch_does_not_grow_with_the_matrix(monkeypatch):
    import tracemalloc

    vectors = np.random.default_rng(0).standard_normal((40_000, 8)).astype(np.float32)
    rows = directions(vectors)
    units = rows.units(np.arange(2_000))
    tracemalloc.start()
    best_of_each(rows, units, 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all scores would be 320 MB
