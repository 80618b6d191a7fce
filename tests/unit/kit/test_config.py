from pathlib import Path

import pytest

from kit.config import MAX_SOCKET_PATH_BYTES, Settings, load_settings
from kit.errors import InvalidInput
from kit.folders import DataFolderNotWritable


def test_defaults_live_in_the_data_folder() -> None:
    settings = Settings(data_dir=Path("/data"))
    assert settings.resolved_database_url == "sqlite:////data/quanwang.sqlite3"
    assert settings.resolved_redis_url == "unix:///data/run/redis.sock"
    assert settings.match_address == "unix:///data/run/match.sock"


def test_the_environment_is_read_and_overrides_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANWANG_HTTP_PORT", "9000")
    monkeypatch.setenv("QUANWANG_SHARDS", "3")
    monkeypatch.setenv("QUANWANG_DATABASE_URL", "")
    settings = load_settings(shards=5, http_host=None)
    assert (settings.http_port, settings.shards, settings.http_host) == (9000, 5, "127.0.0.1")
    assert settings.resolved_database_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("name", "value"), [("HTTP_PORT", "70000"), ("SHARDS", "no"), ("LOG_LEVEL", "LOUD"), ("DATA_DIR", "")]
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"QUANWANG_{name}", value)
    with pytest.raises(InvalidInput, match=f"QUANWANG_{name}: '{value}'"):
        load_settings()


def test_sockets_of_a_deep_folder_get_a_short_place(tmp_path: Path) -> None:
    deep = Settings(data_dir=tmp_path / ("x" * 120))
    assert len(str(deep.socket_dir / "redis.sock")) <= MAX_SOCKET_PATH_BYTES
    assert deep.socket_dir != Settings(data_dir=tmp_path / ("y" * 120)).socket_dir


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderNotWritable, match="--data-dir"):
        Settings(data_dir=tmp_path / "file" / "data").prepare_folders()


def test_folders_are_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.prepare_folders()
    settings.prepare_folders()
    assert settings.run_dir.stat().st_mode & 0o077 == 0
