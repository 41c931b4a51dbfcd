import pytest

from labkit.debian import Download, UnpackedRoot, candidate_major, parse_uris, progress_text
from labkit.errors import LabError

URIS = """\
Reading package lists...
'http://mirror.example/pool/a/asterisk_22.10.1%2bdfsg-1_amd64.deb' asterisk_1%3a22.10.1+dfsg-1_amd64.deb 2534036 SHA256:ab
'http://mirror.example/pool/g/gcc-16-base_16-1_amd64.deb' gcc-16-base_16-1_amd64.deb 60000 SHA256:cd
"""  # noqa: E501  as apt-get prints it


def test_the_files_that_apt_would_fetch_are_read_with_their_sizes():
    assert parse_uris(URIS) == [
        Download("asterisk_1%3a22.10.1+dfsg-1_amd64.deb", 2534036),
        Download("gcc-16-base_16-1_amd64.deb", 60000),
    ]


@pytest.mark.parametrize(
    ("policy", "major"),
    [
        ("asterisk:\n  Installed: (none)\n  Candidate: 1:22.10.1+dfsg+~cs6-1\n  Version table:\n", 22),
        ("asterisk:\n  Installed: (none)\n  Candidate: 20.6.0~dfsg-2\n", 20),
        ("asterisk:\n  Installed: (none)\n  Candidate: (none)\n", 0),
        ("", 0),
    ],
)
def test_the_mirrors_asterisk_is_known_by_its_major_version(policy, major):
    assert candidate_major(policy) == major


def test_the_c_library_is_told_from_packages_with_names_like_its_own():
    downloads = [Download(f"{name}_1_amd64.deb", 1) for name in ("libc6", "libc6-dev", "libcups2")]
    assert [download.is_c_library for download in downloads] == [True, False, False]


def test_progress_counts_packages_and_megabytes():
    downloads = [Download("a.deb", 50_000_000), Download("b.deb", 31_000_000)]
    assert progress_text("Asterisk", 1, 62_400_000, downloads) == "Asterisk: 1 of 2 packages, 62 of 81 MB"


def test_a_program_runs_under_the_loader_and_libraries_of_its_own_root(tmp_path):
    libraries = tmp_path / "usr/lib/aarch64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "libc.so.6").touch()
    (libraries / "ld-linux-aarch64.so.1").touch()
    command = UnpackedRoot(tmp_path).command("usr/bin/sipp")
    assert command == [
        f"{libraries}/ld-linux-aarch64.so.1",
        "--library-path",
        f"{libraries}:{libraries}/asterisk:{libraries}/systemd",
        f"{tmp_path}/usr/bin/sipp",
    ]


def test_an_emptied_root_is_told_from_a_working_one(tmp_path):
    with pytest.raises(LabError, match="remove the folder"):
        UnpackedRoot(tmp_path).command("usr/bin/sipp")
