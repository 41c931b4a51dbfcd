import os

import pytest

from labkit.asterisk import LONGEST_SOCKET_PATH, major, parse_version, short_run_folder


@pytest.mark.parametrize(
    ("output", "version", "number"),
    [
        ("Asterisk 22.10.1~dfsg+~cs6.17.60671434-1\n", "22.10.1", 22),
        ("Asterisk 20.6.0\n", "20.6.0", 20),
        ("Asterisk certified/20.7-cert2\n", "20.7", 20),
        ("Asterisk certified-22.8-cert1\n", "22.8", 22),
        ("Asterisk GIT-master-1234\n", "", 0),
        ("", "", 0),
    ],
)
def test_the_version_is_read_from_asterisks_answer(output, version, number):
    assert parse_version(output) == version
    assert major(version) == number


def test_sockets_fit_even_where_the_temporary_folder_has_a_long_path(tmp_path, monkeypatch):
    long_parent = tmp_path / ("x" * 100)
    long_parent.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long_parent))
    folder = short_run_folder()
    try:
        assert len(os.fsencode(folder / "call-bridge.sock")) < LONGEST_SOCKET_PATH
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
