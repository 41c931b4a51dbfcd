"""Where the PBX's own machine reaches its SIP, by pjsip.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.doctor.conf import read_conf
from bridge.doctor.pjsip import sip_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0\n", ("127.0.0.1", 5060)),
        ("[udp]\ntype=transport\nbind=0.0.0.0:5080\n", ("127.0.0.1", 5080)),
        ("[lan]\ntype=transport\nprotocol=udp\nbind=192.0.2.7:5062\n", ("192.0.2.7", 5062)),
        (
            "[tls]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5061\n"
            "[six]\ntype=transport\nprotocol=udp\nbind=[::]:5064\n"
            "[udp]\ntype=transport\nprotocol=udp\nbind=192.0.2.7\n",
            ("192.0.2.7", 5060),
        ),
        ("", ("127.0.0.1", 5060)),
    ],
)
def test_the_first_udp_transport_says_where(tmp_path: Path, text: str, address: tuple[str, int]) -> None:
    (tmp_path / "pjsip.conf").write_text(text)
    assert sip_address(read_conf(tmp_path / "pjsip.conf", tmp_path), "udp") == address


@pytest.mark.parametrize(
    ("text", "protocol", "address"),
    [
        ("[tcp]\ntype=transport\nprotocol=tcp\nbind=192.0.2.7\n", "tcp", ("192.0.2.7", 5060)),
        ("[tls]\ntype=transport\nprotocol=tls\nbind=0.0.0.0\n", "tls", ("127.0.0.1", 5061)),
        ("[tls]\ntype=transport\nprotocol=TLS\nbind=0.0.0.0:5071\n", "tls", ("127.0.0.1", 5071)),
        ("[tcp]\ntype=transport\nprotocol=tcp\nbind=0.0.0.0\n", "tls", ("127.0.0.1", 5061)),
    ],
)
def test_a_stream_is_where_its_own_transport_says(
    tmp_path: Path, text: str, protocol: str, address: tuple[str, int]
) -> None:
    (tmp_path / "pjsip.conf").write_text(text)
    assert sip_address(read_conf(tmp_path / "pjsip.conf", tmp_path), protocol) == address


def test_without_a_file_it_is_where_sip_is_by_default() -> None:
    assert sip_address(None, "udp") == ("127.0.0.1", 5060)
