"""What conversations cost while they last: sound both ways in every live call, and what of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchkit import wire
from benchkit.contenders import Contender
from benchkit.crowd import compared, parted, place, timed
from benchkit.figures import percentile
from benchkit.peers import PHONE_HOST, Ends, Peers
from benchkit.site import Site
from benchkit.usage import used_within
from labkit.crowd.sound import Heard, Side, Sound
from labkit.plan import CARRIER_HOST

LIVE = (50, 100, 200)

_HOSTS = {Side.MANAGER: PHONE_HOST, Side.CUSTOMER: CARRIER_HOST}
_PACKETS_A_SECOND = 50
"""Each way: one for 20 ms, as phones send them."""


@dataclass(frozen=True)
class Talk:
    """`live` calls talk; `heard` is of both directions.

    `asterisk_cpu` and `own_cpu` are shares of one processor while nothing but talk goes on. `p50` and `p99`
    are seconds from INVITE to 200, of calls that were placed meanwhile.
    """

    contender: Contender
    live: int
    heard: Heard
    asterisk_cpu: float
    own_cpu: float
    p50: float
    p99: float

    @property
    def lost(self) -> float:
        """Of all packets, the part that did not arrive."""
        return self.heard.missing / max(1, self.heard.packets + self.heard.missing)

    @property
    def pace(self) -> float:
        """Packets a second that an end hears: less than are to be sent where the bench itself is too slow."""
        return self.heard.packets / self.heard.seconds / (2 * self.live)


def measure(
    site: Site,
    peers: Peers,
    *,
    live: Sequence[int],
    calls: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[Talk]:
    """Let conversations grow to each of `live`, and talk for so long. Raises CallFailed."""
    found = []
    for contender in compared(site, peers):
        with Sound(_HOSTS, calls=max(live), packets_a_second=_PACKETS_A_SECOND) as sound:
            for talking in _conversations(site, peers, contender, sound, live):
                progress(f"{talking} conversations for {seconds:g} s: {contender.title}")
                found.append(_talk(site, peers, contender, sound, talking, calls, seconds))
    return found


def _conversations(
    site: Site, peers: Peers, contender: Contender, sound: Sound, live: Sequence[int]
) -> Iterator[int]:
    """Each of `live`, when so many talk."""
    busy, _ = parted(site.managers)
    placed = 0
    for count in live:
        while placed < count:
            _begin(site, peers, contender, sound, next(busy), placed)
            placed += 1
        yield count


def _begin(site: Site, peers: Peers, contender: Contender, sound: Sound, extension: str, call: int) -> None:
    """Place a call whose media is `sound`'s, and let both of its ends speak."""
    phone, carrier = (wire.description(host, sound.port(side, call)) for side, host in _HOSTS.items())
    stamps = place(site, peers, contender, extension, Ends(phone, carrier))
    assert stamps.phone_media is not None
    assert stamps.carrier_media is not None
    sound.talk(Side.MANAGER, call, stamps.phone_media)
    sound.talk(Side.CUSTOMER, call, stamps.carrier_media)


def _talk(
    site: Site,
    peers: Peers,
    contender: Contender,
    sound: Sound,
    live: int,
    calls: int,
    seconds: float,
) -> Talk:
    _, free = parted(site.managers)
    sound.hear()  # what was lost while the last calls were connected is not counted
    quiet = used_within(site, contender, seconds)
    times = [timed(site, peers, contender, next(free)) for _ in range(calls)]
    heard = sound.hear()
    p50, p99 = percentile(times, 50), percentile(times, 99)
    return Talk(contender, live, heard, quiet.asterisk, quiet.own, p50, p99)
