"""Answers are read when they are whole, and not before; what is no answer is no answer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.ari.http import Garbled, read_answer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def with_length(content: bytes) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % len(content) + content


def in_chunks(content: bytes, size: int) -> bytes:
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + body


@given(st.binary(max_size=300), st.integers(1, 100) | st.none())
def test_an_answer_is_read_when_its_last_byte_has_come(content: bytes, chunk: int | None) -> None:
    whole = with_length(content) if chunk is None else in_chunks(content, chunk)
    for end in range(len(whole)):
        assert read_answer(whole[:end]) is None
    read = read_answer(whole + b"more")
    assert read is not None
    assert (read.answer.status, read.answer.content, read.size) == (200, content, len(whole))
    assert read.keeps_open


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_content_whatever_their_headers_say(status: int) -> None:
    read = read_answer(b"HTTP/1.1 %d Fine\r\nContent-Length: 7\r\n\r\n" % status)
    assert read is not None
    assert (read.answer.status, read.answer.content) == (status, b"")


@pytest.mark.parametrize(
    ("head", "keeps_open"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200\r\nconnection: Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_a_server_that_will_close_is_believed(head: bytes, keeps_open: bool) -> None:
    read = read_answer(head + b"Content-Length: 0\r\n\r\n")
    assert read is not None
    assert read.keeps_open is keeps_open


@pytest.mark.parametrize(
    "garbled",
    [
        b"\r\n\r\n",
        b"447700900123\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"\r\n[]",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 2 2\r\n\r\n[]",
        OK + b"Content-Length: 99999999999\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nlong\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]xx",
    ],
)
def test_what_is_no_answer_is_told_apart_and_not_repeated(garbled: bytes) -> None:
    with pytest.raises(Garbled) as caught:
        read_answer(garbled)
    assert not caught.value.args


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: OK + rest))
def test_nothing_at_all_upsets_the_reader(received: bytes) -> None:
    with suppress(Garbled):
        read_answer(received)
