"""What is carried to a worker: everything that a run needs, nothing private, and all of it once."""

import errno
import io
import os
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from filelock import FileLock, Timeout

from experiments.identity import MEASURES, SOURCES, data_fingerprint, source_fingerprint
from providers.storage.store import write_frame
from tuning.execution import places
from tuning.execution.places import (
    fingerprint_of,
    local_data,
    pack_source,
    private_folder,
    unpack_source,
)
from tuning.model import TuningError

SOURCE = {
    "regimekit/regime.py": "LATCH = 1",
    "regimekit/hooks/base.py": "",
    "providers/errors.py": "",
    "replay/app.py": "",
    "experiments/strategies/Baseline.py": "",
    "experiments/outcome.py": "",
    "tuning/execution/trades.py": "",
    "hyperopts/Loss.py": "",
    "hyperopts/parts/shared.py": "",
    "user_data/strategies/Router.py": "class Router: ...",
    "user_data/config.json": "{}",
    "config/base.json": "{}",
    "config/profiles/classic.json": "{}",
}
LEFT_OUT = (
    *("config/local.json", "config/local-7.json", "config/secrets.json", "config/secrets_old.json"),
    *("user_data/strategies/Router.json", "user_data/tradesv3.sqlite", ".env", "tuning/walk.py"),
    *("user_data/data/BTC_USDT-15m.feather", "regimekit/__pycache__/regime.cpython-311.pyc"),
    "user_data/hyperopts/Mine.py",
)


@pytest.fixture
def root(tmp_path):
    """A small source tree, and beside what is needed all kinds of what is not."""
    for name, text in (SOURCE | dict.fromkeys(LEFT_OUT, "secret")).items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def contents(blob: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_all_that_a_run_needs_is_packed_and_nothing_else(root):
    assert contents(pack_source(root)) == SOURCE


def test_nothing_that_git_ignores_is_packed(packed, repository):
    if not (repository / ".git").exists():
        pytest.skip("needs the repository, not only its files")
    names = contents(packed)
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],  # noqa: S607 - whichever git there is
        input="\n".join(names),
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout == ""
    assert ignored.stderr == ""


def test_every_private_name_that_git_knows_is_private_here(repository):
    ignored = (repository / ".gitignore").read_text().splitlines()
    assert {it for it in ignored if it.startswith("config/")} == set(places.PRIVATE)


def test_equal_sources_are_equal_bytes_whatever_their_age(root):
    first = pack_source(root)
    os.utime(root / "config/base.json", (1, 1))
    (root / "config/base.json").chmod(0o600)
    assert pack_source(root) == first


@pytest.mark.parametrize("name", ["config/base.json", "regimekit/hooks/base.py", "replay/app.py"])
def test_the_fingerprint_tells_contents_and_names(root, name):
    before = fingerprint_of(pack_source(root))
    (root / name).write_text("changed")
    changed = fingerprint_of(pack_source(root))
    (root / name).rename(root / name.replace(".", "2."))
    renamed = fingerprint_of(pack_source(root))
    assert len({before, changed, renamed}) == 3


def test_the_fingerprint_is_the_ablations_where_both_look(root):
    for name in LEFT_OUT[:4]:
        (root / name).unlink()
    patterns = (*SOURCES, *MEASURES, "hyperopts/**/*.py", "tuning/execution/*.py")
    assert fingerprint_of(pack_source(root)) == source_fingerprint(root, patterns)


def test_what_was_packed_is_what_is_unpacked(root, cache):
    blob = pack_source(root)
    place = unpack_source(blob, cache)
    assert place.parent == cache
    found = {it.relative_to(place).as_posix(): it.read_text() for it in files_of(place)}
    assert found == SOURCE
    assert pack_source(place) == blob
    assert list(cache.iterdir()) == [place]


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_second_job_unpacks_nothing(root, cache, monkeypatch):
    blob = pack_source(root)
    place = unpack_source(blob, cache)
    (place / "regimekit/__pycache__").mkdir()  # as Python does
    (place / "regimekit/__pycache__/regime.cpython-311.pyc").touch()
    monkeypatch.delattr(zipfile.ZipFile, "extractall")
    assert unpack_source(blob, cache) == place


def test_another_source_gets_another_place(root, cache):
    first = unpack_source(pack_source(root), cache)
    (root / "config/base.json").write_text("[]")
    assert unpack_source(pack_source(root), cache) != first


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: (place / "config/base.json").write_text("other"),
        lambda place: (place / "hyperopts/Loss.py").unlink(),
        lambda place: (place / "regimekit/new.py").write_text("added"),
        lambda place: (place / "numpy.py").write_text("added"),
    ],
)
def test_what_somebody_changed_is_not_used(root, cache, spoil):
    blob = pack_source(root)
    place = unpack_source(blob, cache)
    spoil(place)
    with pytest.raises(TuningError, match=f"{place} was changed .* delete it"):
        unpack_source(blob, cache)


@pytest.mark.parametrize("blob", [b"", b"PK", b"no zip at all"])
def test_a_damaged_package_is_refused(blob, cache):
    with pytest.raises(TuningError, match="damaged"):
        unpack_source(blob, cache)


def test_many_at_once_agree_on_one_place(root, cache):
    blob = pack_source(root)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: unpack_source(blob, cache), range(8)))
    assert list(cache.iterdir()) == list(found)


def test_one_that_comes_second_takes_the_place_of_the_first(root, cache, monkeypatch):
    blob, real = pack_source(root), zipfile.ZipFile.extractall

    def slow(archive, path):
        monkeypatch.setattr(zipfile.ZipFile, "extractall", real)
        unpack_source(blob, cache)  # another process is faster
        real(archive, path)

    monkeypatch.setattr(zipfile.ZipFile, "extractall", slow)
    place = unpack_source(blob, cache)
    assert list(cache.iterdir()) == [place]
    assert pack_source(place) == blob


def test_a_full_disk_is_an_error_and_leaves_nothing(root, cache, monkeypatch):
    def full(path, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        unpack_source(pack_source(root), cache)
    assert list(cache.iterdir()) == []


# ------------------------------------------------------------------------------------- candles

CANDLES = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=3, freq="15min", tz="UTC")})


@pytest.fixture
def datadir(tmp_path):
    folder = tmp_path / "market"
    write_frame(CANDLES, folder / "futures" / "BTC_USDT_USDT-15m-futures.feather")
    write_frame(CANDLES, folder / "regimekit" / "news" / "BTC-events.feather", checksum=True)
    (folder / "simulation.json").write_text('{"seed": 3}')
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def url(datadir):
    """The same folder on a file system that lives in memory."""
    memory = fsspec.filesystem("memory")
    memory.put(str(datadir), "/candles", recursive=True)
    yield "memory://candles"
    memory.rm("/candles", recursive=True)


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_a_local_folder_is_used_as_it_is(form, datadir, cache):
    found = local_data(form.format(datadir), data_fingerprint(datadir), cache)
    assert found == datadir
    assert not cache.exists()


@pytest.mark.parametrize("form", ["market", "file://{}", "{}", "{}/"])
def test_an_address_means_the_same_in_every_working_directory(form, datadir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.address_of(form.format(datadir)) == str(datadir)
    assert places.address_of("memory://candles") == "memory://candles"


@pytest.mark.parametrize("place", ["url_to_fs", "_download"])
def test_whatever_a_protocol_raises_is_an_answer(place, url, cache, monkeypatch):
    """Those of S3 and HTTP raise errors of their own, for example without credentials."""

    class NoCredentials(Exception):  # noqa: N818 - as theirs are called
        pass

    def refused(*_, **__):
        raise NoCredentials("unable to locate credentials")

    if place == "url_to_fs":
        monkeypatch.setattr(places, "url_to_fs", refused)
    else:
        monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", refused)
    with pytest.raises(TuningError, match="cannot be downloaded: unable to locate credentials"):
        local_data(url, None, cache)


@pytest.mark.parametrize("known", [True, False])
def test_a_remote_folder_is_downloaded_once(known, url, datadir, cache, monkeypatch):
    fingerprint = data_fingerprint(datadir)
    place = local_data(url, fingerprint if known else None, cache)
    assert place == cache / f"data-{fingerprint}"
    assert list(cache.iterdir()) == [place]
    kept = {path.relative_to(place).as_posix(): path.read_bytes() for path in files_of(place)}
    wanted = {it for it in files_of(datadir) if it.name != "notes.txt"}
    assert kept == {it.relative_to(datadir).as_posix(): it.read_bytes() for it in wanted}
    assert any(name.endswith(".sha256") for name in kept)
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", None)  # nothing is asked
    assert local_data(url, fingerprint, cache) == place


def test_without_a_fingerprint_it_is_what_is_there_now(url, datadir, cache):
    first = local_data(url, None, cache)
    changed = CANDLES.tail(1)
    write_frame(changed, datadir / "futures" / "ETH_USDT_USDT-15m-futures.feather")
    fsspec.filesystem("memory").put(str(datadir / "futures"), "/candles/", recursive=True)
    second = local_data(url, None, cache)
    assert second != first
    assert data_fingerprint(second) == data_fingerprint(datadir)


@pytest.mark.parametrize("remote", [True, False])
def test_other_candles_are_refused(remote, url, datadir, cache):
    where = url if remote else str(datadir)
    with pytest.raises(TuningError, match=f"{where} are not those of this walk: .*not 0123"):
        local_data(where, "0123", cache)
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_download_that_somebody_changed_is_refused(url, datadir, cache):
    fingerprint = data_fingerprint(datadir)
    place = local_data(url, fingerprint, cache)
    next(place.rglob("*.feather")).write_bytes(b"other")
    with pytest.raises(TuningError, match=f"{place} are not those"):
        local_data(url, fingerprint, cache)


@pytest.mark.parametrize("where", ["memory://nowhere", "/nowhere/at/all"])
def test_a_place_without_candles_is_refused(where, cache):
    with pytest.raises(TuningError, match=f"{where} holds no candles"):
        local_data(where, None, cache)


def test_a_download_that_breaks_off_leaves_nothing(url, cache, monkeypatch):
    def breaks(self, *_, **__):
        raise OSError("connection reset")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", breaks)
    with pytest.raises(TuningError, match=f"{url} cannot be downloaded: connection reset"):
        local_data(url, None, cache)
    assert list(cache.iterdir()) == []


def test_a_listing_that_leads_elsewhere_writes_nothing_there(url, cache, monkeypatch):
    """The links of a web page are what a server says, and fsspec takes them as they are."""
    memory = type(fsspec.filesystem("memory"))
    elsewhere = "/candles/../../mine.feather"
    monkeypatch.setattr(memory, "find", lambda *_, **__: [elsewhere])
    monkeypatch.setattr(memory, "get_file", lambda _, __, target: Path(target).touch())
    with pytest.raises(TuningError, match=f"it lists {elsewhere}"):
        local_data(url, None, cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("where", ["nothing://here", "s4://bucket/x"])
def test_an_unknown_protocol_is_refused(where, cache):
    with pytest.raises(TuningError, match=where):
        local_data(where, None, cache)


# ------------------------------------------------------------------------------ private folders


def test_a_private_folder_is_new_and_ends_with_its_block(tmp_path):
    with private_folder(tmp_path / "work", "k") as one, private_folder(one.parent, "k") as two:
        assert one != two
        assert {one.parent, two.parent} == {tmp_path / "work"}
        (one / "file").touch()
    assert [it.name for it in (tmp_path / "work").iterdir()] == [".lock"]


def test_it_ends_whatever_happens(tmp_path):
    def interrupted() -> None:
        with private_folder(tmp_path, "k") as folder:
            (folder / "deep").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [it.name for it in tmp_path.iterdir()] == [".lock"]


def test_those_in_use_stay_and_those_of_the_dead_go(tmp_path):
    left = tmp_path / "run-dead-1"
    left.mkdir()
    (left / "file").touch()
    left.with_suffix(".lock").touch()
    other = tmp_path / "run-else"  # no lock beside it: not ours
    other.mkdir()
    with private_folder(tmp_path, "k") as first, private_folder(tmp_path, "k"):
        assert first.is_dir()
        assert not left.exists()
        assert not left.with_suffix(".lock").exists()
        assert other.is_dir()
        with pytest.raises(Timeout):  # its lock is held, so nobody takes it for a dead one's
            FileLock(first.with_suffix(".lock"), timeout=0, is_singleton=False).acquire()
