"""Fetch public corpora and check them: text8, enwik9 and the One Billion Word benchmark.

    python corpora/fetch.py text8 --dir data

Owns the addresses, sizes and checksums. Needs the standard library only. A broken download is resumed by running the
same command again; what fails its check is deleted and nothing is unpacked from it. See README.md for licences.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """Where an archive lies, what it must be, and which of its members are the text."""

    url: str
    size: int  # bytes of the archive
    checks: dict[str, str]  # hash name -> hex digest of the archive
    members: str  # members whose base name begins so are unpacked
    text_size: int | None = None  # bytes of the text, where there is one member
    text_checks: dict[str, str] = field(default_factory=dict)

    @property
    def archive(self) -> str:
        """The file name of the archive."""
        return self.url.rsplit("/", 1)[1]


RECIPES = {
    "text8": Recipe(
        url="http://mattmahoney.net/dc/text8.zip",
        size=31_344_016,
        checks={"sha256": "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"},
        members="text8",
        text_size=100_000_000,
        text_checks={"md5": "3bea1919949baf155f99411df5fada7e"},
    ),
    "enwik9": Recipe(
        url="http://mattmahoney.net/dc/enwik9.zip",
        size=322_592_222,
        checks={"md5": "3e773f8a1577fda2e27f871ca17f31fd"},
        members="enwik9",
        text_size=1_000_000_000,
        text_checks={
            "sha1": "2996e86fb978f93cca8f566cc56998923e7fe581",
            "sha256": "159b85351e5f76e60cbe32e04c677847a9ecba3adc79addab6f4c6c7aa3744bc",
        },
    ),
    "lm1b": Recipe(
        url="http://www.statmt.org/lm-benchmark/1-billion-word-language-modeling-benchmark-r13output.tar.gz",
        size=1_792_209_805,
        checks={"sha256": "01ba60381110baf7f189dfd2b8374de371e8c9a340835793f190bdae9e90a34e"},
        members="news.en-",
    ),
}


class FetchError(Exception):
    """A download failed, or its content is not what the recipe promises."""


def fetch(recipe: Recipe, folder: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Download, check and unpack; returns the text files. What is already there and right is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / recipe.archive
    if not archive.exists():
        part = archive.with_name(archive.name + ".part")
        download(recipe.url, part, recipe.size, say)
        check(part, recipe.size, recipe.checks)
        os.replace(part, archive)
    else:
        check(archive, recipe.size, recipe.checks)
    say(f"{archive}: {', '.join(recipe.checks)} right")
    texts = unpack(archive, recipe, folder)
    say(f"{len(texts)} text file{'s' if len(texts) > 1 else ''} in {texts[0].parent}")
    return texts


def download(url: str, part: Path, size: int, say: Callable[[str], None]) -> None:
    """Append to `part` what is missing of `url`. A server that ignores the range is read from the beginning."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    say(f"{url}: {size / 1e6:.0f} MB" + (f", going on from {have / 1e6:.0f} MB" if have else ""))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            resumed = answer.status == 206
            with part.open("ab" if resumed else "wb") as file:
                _copy(answer, file, limit=size - (have if resumed else 0))
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {error}; run the same command again to go on") from error
    if part.stat().st_size < size:
        raise FetchError(f"{url}: the connection ended early; run the same command again to go on")


def _copy(source: BinaryIO, target: BinaryIO, limit: int) -> None:
    """At most one byte more than `limit` is written, so that too long an answer is seen and never fills the disk."""
    left = limit + 1
    while left > 0 and (block := source.read(min(BLOCK, left))):
        target.write(block)
        left -= len(block)


def check(path: Path, size: int | None, checks: dict[str, str]) -> None:
    """Compare size and digests; a file that differs is deleted (FetchError)."""
    found = path.stat().st_size
    if size is not None and found != size:
        path.unlink()
        raise FetchError(f"{path.name}: {found} bytes where {size} were expected; deleted")
    digests = {name: hashlib.new(name) for name in checks}
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            for digest in digests.values():
                digest.update(block)
    for name, digest in digests.items():
        if digest.hexdigest() != checks[name]:
            path.unlink()
            raise FetchError(f"{path.name}: {name} is {digest.hexdigest()}, not {checks[name]}; deleted")


def unpack(archive: Path, recipe: Recipe, folder: Path) -> list[Path]:
    """Write the recipe's members into `folder` under their base names, whatever path the archive claims."""
    texts = []
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if _is_text(info.filename, recipe) and not info.is_dir():
                    with packed.open(info) as source:
                        texts.append(_write(source, folder / Path(info.filename).name, recipe))
    else:
        with tarfile.open(archive) as packed:
            for member in packed:
                source = packed.extractfile(member) if member.isfile() and _is_text(member.name, recipe) else None
                if source is not None:
                    where = folder / archive.name.split(".")[0]
                    where.mkdir(exist_ok=True)
                    texts.append(_write(source, where / Path(member.name).name, recipe))
    if not texts:
        raise FetchError(f"{archive.name} holds no member {recipe.members}")
    return texts


def _is_text(name: str, recipe: Recipe) -> bool:
    # The benchmark's held-out shards carry the same names in another folder: training text only.
    return Path(name).name.startswith(recipe.members) and "heldout" not in name


def _write(source: BinaryIO, path: Path, recipe: Recipe) -> Path:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        while block := source.read(BLOCK):
            file.write(block)
    check(part, recipe.text_size, recipe.text_checks)
    os.replace(part, path)
    return path


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fetch public corpora and check them.")
    parser.add_argument("name", choices=sorted(RECIPES), nargs="+")
    parser.add_argument("--dir", type=Path, default=Path("data"), help="where to put them (default: data)")
    options = parser.parse_args(arguments)
    try:
        for name in options.name:
            fetch(RECIPES[name], options.dir)
    except (FetchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
