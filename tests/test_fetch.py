"""corpora/fetch.py against a server on this machine: whole, resumed, cut off, tampered with."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import lzma
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load_script():
    spec = importlib.util.spec_from_file_location("fetch", ROOT / "corpora" / "fetch.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fetch"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


fetch = load_script()
TEXT = b"the cat sat on the mat\n" * 4000


def zipped(name: str, text: bytes = TEXT) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(name, text)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one body; cuts the first answer after `cut` bytes; may ignore ranges or be tampered with."""

    daemon_threads = True

    def __init__(self, body: bytes, cut: int | None = None, ranges: bool = True):
        self.body, self.cut, self.ranges, self.asked = body, cut, ranges, []
        super().__init__(("127.0.0.1", 0), Handler)

    def recipe(self, members: str, name: str = "archive.zip", **changes):
        values = {
            "url": f"http://127.0.0.1:{self.server_port}/{name}",
            "size": len(self.body),
            "checks": {"sha256": hashlib.sha256(self.body).hexdigest()},
            "members": members,
        }
        return fetch.Recipe(**{**values, **changes})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        body = self.server.body[start:]
        self.send_response(206 if start else 200)
        self.end_headers()
        cut, self.server.cut = self.server.cut, None
        self.wfile.write(body if cut is None else body[:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(*args, **options):
        servers.append(Server(*args, **options))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def quiet(_: str) -> None:
    pass


def test_a_whole_download_is_checked_and_unpacked(serve, tmp_path):
    server = serve(zipped("text8"))
    recipe = server.recipe("text8", text_size=len(TEXT), text_checks={"md5": hashlib.md5(TEXT).hexdigest()})
    assert fetch.fetch(recipe, tmp_path, quiet) == [tmp_path / "text8"]
    assert (tmp_path / "text8").read_bytes() == TEXT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive.zip", "text8"]
    fetch.fetch(recipe, tmp_path, quiet)
    assert server.asked == [None]  # the second time nothing is fetched


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_ended(serve, tmp_path, ranges):
    server = serve(zipped("text8"), cut=5000, ranges=ranges)
    recipe = server.recipe("text8")
    with pytest.raises(fetch.FetchError, match="again to go on"):
        fetch.fetch(recipe, tmp_path, quiet)
    assert (tmp_path / "archive.zip.part").stat().st_size == 5000
    fetch.fetch(recipe, tmp_path, quiet)
    assert server.asked == [None, "bytes=5000-"]
    assert (tmp_path / "text8").read_bytes() == TEXT


def test_a_changed_archive_is_refused_and_deleted(serve, tmp_path):
    body = zipped("text8")
    server = serve(body)
    recipe = server.recipe("text8")
    server.body = body[:-1] + bytes([body[-1] ^ 1])
    with pytest.raises(fetch.FetchError, match="sha256"):
        fetch.fetch(recipe, tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []


def test_too_long_an_answer_is_refused(serve, tmp_path):
    server = serve(zipped("text8"))
    recipe = server.recipe("text8", size=1000)
    with pytest.raises(fetch.FetchError, match="1001 bytes where 1000"):
        fetch.fetch(recipe, tmp_path, quiet)


def test_a_text_that_is_not_the_promised_one_is_refused(serve, tmp_path):
    recipe = serve(zipped("text8")).recipe("text8", text_checks={"md5": "0" * 32})
    with pytest.raises(fetch.FetchError, match="md5"):
        fetch.fetch(recipe, tmp_path, quiet)
    assert [p.name for p in tmp_path.iterdir()] == ["archive.zip"]


def test_members_cannot_leave_the_folder_and_held_out_shards_stay_packed(serve, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name in ("../../news.en-1", "train/news.en-2", "heldout/news.en-3", "README"):
            info = tarfile.TarInfo(name)
            info.size = len(TEXT)
            packed.addfile(info, io.BytesIO(TEXT))
    recipe = serve(buffer.getvalue()).recipe("news.en-", "lm.tar.gz")
    texts = fetch.fetch(recipe, tmp_path / "in", quiet)
    assert [p.relative_to(tmp_path).as_posix() for p in texts] == ["in/lm/news.en-1", "in/lm/news.en-2"]
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["../../text8", "/text8", "/tmp/../text8", "a/../../text8", "./text8"])
def test_a_path_in_a_zip_archive_is_only_a_name(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as packed:
        packed.writestr(name, TEXT)
    (tmp_path / "a").mkdir()
    recipe = fetch.Recipe("http://nowhere/archive.zip", 0, {}, "text8")
    assert fetch.unpack(tmp_path / "archive.zip", recipe, tmp_path / "a") == [tmp_path / "a" / "text8"]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["a", "a/text8", "archive.zip"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("target", ["../../victim", "/etc/passwd"])
def test_links_and_devices_of_an_archive_are_not_made(tmp_path, kind, target):
    """Neither a link, nor what a member of the same name behind it would write through it."""
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "lm.tar.gz", "w:gz") as packed:
        link = tarfile.TarInfo("news.en-1")
        link.type, link.linkname = kind, target
        packed.addfile(link)
        info = tarfile.TarInfo("news.en-1")
        info.size = len(TEXT)
        packed.addfile(info, io.BytesIO(TEXT))
    recipe = fetch.Recipe("http://nowhere/lm.tar.gz", 0, {}, "news.en-")
    assert fetch.unpack(tmp_path / "lm.tar.gz", recipe, tmp_path / "in") == [tmp_path / "in" / "lm" / "news.en-1"]
    made = tmp_path / "in" / "lm" / "news.en-1"
    assert made.is_file()
    assert not made.is_symlink()
    assert made.read_bytes() == TEXT
    assert (tmp_path / "victim").read_bytes() == b"untouched"


def test_a_server_that_is_not_there_is_one_line(tmp_path, capsys, monkeypatch):
    with Server(b"") as gone:
        recipe = gone.recipe("text8")
    monkeypatch.setitem(fetch.RECIPES, "text8", recipe)
    assert fetch.main(["text8", "--dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_the_bundled_corpus_is_the_documented_one():
    readme = (ROOT / "corpora" / "README.md").read_text(encoding="utf-8")
    packed = (ROOT / "corpora" / "austen.txt.xz").read_bytes()
    assert hashlib.sha256(packed).hexdigest() in readme
    text = lzma.decompress(packed)
    assert hashlib.sha256(text).hexdigest() in readme
    assert f"{len(text.split()):,} words, {len(set(text.split())):,} different" in readme
    assert set(text) == set(b"abcdefghijklmnopqrstuvwxyz \n")
