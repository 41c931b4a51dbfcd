import pytest

from labkit.aptsources import AptSource, main_archive, parse_deb822, parse_one_line

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""


def source(uri: str, *suites: str, components: tuple[str, ...] = ("main",)) -> AptSource:
    return AptSource((uri,), suites, components)


def test_a_deb822_file_yields_its_enabled_binary_archives():
    assert list(parse_deb822(DEB822)) == [
        AptSource(
            uris=("http://mirror.example/debian",),
            suites=("bookworm", "bookworm-updates"),
            components=("main", "contrib"),
            trust={"Signed-By": KEYRING},
        )
    ]


def test_an_embedded_key_survives_from_deb822_to_deb822():
    text = (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )
    (read,) = parse_deb822(text)
    (again,) = parse_deb822(read.stanza("forky"))
    assert again == read
    assert "\n abcd\n" in again.trust["Signed-By"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "deb http://mirror.example/debian bookworm main contrib",
            source("http://mirror.example/debian", "bookworm", components=("main", "contrib")),
        ),
        (
            f"deb [arch=amd64 signed-by={KEYRING}] http://mirror.example/debian forky main  # ours",
            AptSource(
                ("http://mirror.example/debian",),
                ("forky",),
                ("main",),
                {"Architectures": "amd64", "Signed-By": KEYRING},
            ),
        ),
        ("  deb\thttp://mirror.example/debian  sid\tmain", source("http://mirror.example/debian", "sid")),
    ],
)
def test_a_one_line_source_is_read(line, expected):
    assert list(parse_one_line(line)) == [expected]


@pytest.mark.parametrize(
    "line", ["", "# deb http://mirror.example/debian bookworm main", "deb-src http://a b main"]
)
def test_comments_and_source_archives_are_left_out(line):
    assert list(parse_one_line(line)) == []


def test_the_distributions_own_archive_wins_over_another_with_the_same_suite():
    foreign = source("http://packages.example/tool", "bookworm")
    own = source("http://mirror.example/debian", "bookworm")
    updates = source("http://mirror.example/debian", "bookworm-updates")
    assert main_archive([foreign, own, updates], "bookworm") == own


def test_security_updates_alone_are_no_main_archive():
    assert main_archive([source("http://mirror.example/security", "bookworm-security")], "bookworm") is None


def test_a_stanza_names_another_suite_of_the_same_archive():
    stanza = AptSource(
        ("http://mirror.example/debian",), ("bookworm",), ("main",), {"Signed-By": KEYRING}
    ).stanza("forky")
    assert stanza == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\n"
        f"Signed-By: {KEYRING}\n"
    )
