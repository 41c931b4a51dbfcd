import socket

import pytest

from labkit.ports import free_port, free_range, is_free

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
