import socket

import pytest

from labkit.errors import LabError
from labkit.ports import VARIABLE, free_port, free_range, is_free, share

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


@pytest.mark.parametrize(("taken", "other"), [(UDP, TCP), (TCP, UDP)])
def test_a_port_taken_for_one_transport_is_not_free_for_both(taken, other):
    port = free_port("127.0.0.1", UDP, TCP)
    with socket.socket(socket.AF_INET, taken) as holder:
        holder.bind(("127.0.0.1", port))
        assert not is_free("127.0.0.1", port, (UDP, TCP))
        assert is_free("127.0.0.1", port, (other,))
    assert is_free("127.0.0.1", port, (UDP, TCP))


def test_a_range_for_rtp_begins_even():
    first = free_range("127.0.0.1", 10, UDP)
    assert first % 2 == 0
    assert all(is_free("127.0.0.1", port, (UDP,)) for port in range(first, first + 10))


def test_processes_that_share_the_ports_are_not_given_each_others(monkeypatch):
    given = []
    for number in range(3):
        monkeypatch.setenv(VARIABLE, share(number, 3))
        given.append({free_port("127.0.0.1", UDP) for _ in range(50)})
        assert all(port % 2 == 0 for port in given[-1])
    assert max(given[0]) < min(given[1])
    assert max(given[1]) < min(given[2])


def test_a_range_that_was_given_is_given_again_only_where_there_is_no_other(monkeypatch):
    monkeypatch.setenv(VARIABLE, "20000-20100")
    first = free_range("127.0.0.1", 60, UDP)
    others = {free_port("127.0.0.1", TCP) for _ in range(10)}
    assert not others & set(range(first, first + 60))
    assert free_range("127.0.0.1", 60, UDP) in range(20000, 20041)


def test_more_ports_than_there_are_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setenv(VARIABLE, "20000-20100")
    with pytest.raises(LabError, match=r"no 101 free ports on 127\.0\.0\.1 from 20000 to 20099"):
        free_range("127.0.0.1", 101, UDP)
