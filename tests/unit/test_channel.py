"""The pipe between parent and child: whole messages, no wait without a way out, nothing believed."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.channel import MAX_MESSAGE_BYTES, Channel, ChannelClosed, MessageTooLarge


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and the bare other end."""
    ours, theirs = socket.socketpair()
    with Channel(ours) as channel, theirs:
        yield channel, theirs


Ends = tuple[Channel, socket.socket]


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_messages_arrive_whole_and_in_order_however_the_stream_is_cut(messages: list[bytes], step: int) -> None:
    ours, theirs = socket.socketpair()
    stream = b"".join(struct.pack("!I", len(message)) + message for message in messages)
    with Channel(ours) as channel, theirs:
        received = []
        for at in range(0, len(stream), step):
            theirs.sendall(stream[at : at + step])
            while (message := channel.receive(0)) is not None:
                received.append(message)
    assert received == messages


def test_a_message_larger_than_the_sockets_buffer_passes() -> None:
    ours, theirs = socket.socketpair()
    message = bytes(range(256)) * 40_000
    with Channel(ours) as left, Channel(theirs) as right:
        sender = threading.Thread(target=left.send, args=(message,))
        sender.start()
        assert right.receive(60.0) == message
        sender.join()


def test_half_a_message_times_out_and_is_kept_for_later(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(struct.pack("!I", 4) + b"ab")
    assert channel.receive(0) is None
    assert channel.receive(0.01) is None
    theirs.sendall(b"cd")
    assert channel.receive(0) == b"abcd"


def test_a_sender_is_heard_while_the_other_end_takes_nothing(ends: Ends) -> None:
    channel, _ = ends
    calls = []

    def waiting() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        channel.send(bytes(10_000_000), waiting)


def test_receiving_ends_when_the_other_end_closes(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(struct.pack("!I", 4) + b"ab")
    theirs.close()
    with pytest.raises(ChannelClosed):
        channel.receive()


def test_sending_to_a_closed_end_says_so(ends: Ends) -> None:
    channel, theirs = ends
    theirs.close()
    with pytest.raises(ChannelClosed):
        channel.send(b"x")


def test_what_announces_too_much_is_refused_before_any_of_it_is_taken_in(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(struct.pack("!I", MAX_MESSAGE_BYTES + 1))
    with pytest.raises(MessageTooLarge, match=str(MAX_MESSAGE_BYTES + 1)):
        channel.receive(0)


def test_a_message_too_large_to_send_is_refused_with_nothing_sent(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.channel.MAX_MESSAGE_BYTES", 10)
    channel, theirs = ends
    with pytest.raises(MessageTooLarge):
        channel.send(b"eleven byte")
    channel.send(b"ten bytes.")
    assert theirs.recv(100) == struct.pack("!I", 10) + b"ten bytes."
