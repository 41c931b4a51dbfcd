"""What is to be written, decided without any I/O: from what was found, what was answered and fresh secrets.

Of the PBX's own files each gets one line at its end, an include; all else goes into a folder of our own. A
file that a program writes is left alone: its line goes into the file that it includes for own settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import Final

from bridge.doctor.conf import Conf, Section, ends_in_a_comment, is_true
from bridge.doctor.pjsip import LOOPBACK, names_in, objects, sip_address, value_of
from bridge.install import texts
from bridge.install.answers import Answers
from bridge.install.errors import CannotPlan
from bridge.install.found import FOLDER, Found, Owner
from bridge.vault import KeyRing

DIALPLAN: Final = "extensions-call-bridge.conf"
TEMPLATES: Final = ("pjsip-managers.conf", "pjsip-trunk.conf")
ARI_USER: Final = "call-bridge"
SEALED: Final = "trunk-sealed"
_LISTEN: Final = "127.0.0.1:5071"
_EVERY_ADDRESS: Final = {"", "0.0.0.0", "::", "[::]"}  # noqa: S104 - what is written there, not bound here
_CONTACT: Final = re.compile(
    r"sips?:(?:[^@;]*@)?(?P<host>[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?P<more>;transport=\w+)?.*"
)
_COPIED: Final = ("outbound_auth", "from_user", "from_domain", "media_encryption", "disallow", "allow")
_PROGRAM: Final = b"/opt/call-bridge/bin/call-bridge"
_HIDDEN_HOMES: Final = ("/home/", "/root/")

PUBLIC, SHARED, PRIVATE = 0o644, 0o640, 0o600


@dataclass(frozen=True, slots=True)
class Secrets:
    """Fresh ones; each is used where its file is not there yet."""

    ari_password: str = field(repr=False)
    ami_secret: str = field(repr=False)
    key_ring: str = field(repr=False)
    sip_passwords: dict[str, str] = field(repr=False)
    carrier_password: str | None = field(repr=False)

    @classmethod
    def fresh(cls, managers: Iterable[str] = (), carrier_password: str | None = None) -> Secrets:
        """Made here, but for the password that the carrier has made."""
        return cls(
            ari_password=token_hex(24),
            ami_secret=token_hex(24),
            key_ring=KeyRing.new().dump(),
            sip_passwords={each: token_hex(16) for each in managers},
            carrier_password=carrier_password,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One file to be made or changed. `line` is the include that it gets, in a file of the PBX's own."""

    path: Path
    content: bytes = field(repr=False)
    mode: int
    owner: Owner
    secret: bool = False
    line: str | None = None
    like: bytes | None = field(default=None, repr=False)
    """The shipped file that it is made of."""
    needed_by: Path | None = None
    """A file that is lost without this one: where it exists, undoing leaves this one."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is to be made where there is none."""

    path: Path
    mode: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order of writing: what is included comes before what includes it."""

    folders: tuple[Folder, ...]
    changes: tuple[Change, ...]
    remarks: tuple[str, ...]


def answers_wanted(found: Found) -> bool:
    """Whether anything is missing that answers go into."""
    return found.config is None or found.files.get(found.places.ours / "pjsip.conf") is None


def trunks(found: Found) -> dict[str, str]:
    """Endpoints of the PBX's own that could lead to a carrier, with the address of each.

    Their AOR has an address that is written there; that of a phone registers itself.
    """
    conf = found.confs.get("pjsip.conf")
    aors = objects(conf, "aor")
    found_there = {}
    for name, endpoint in objects(conf, "endpoint").items():
        contacts = [value_of(aors[aor], "contact") for aor in names_in(endpoint, "aors") if aor in aors]
        match = next((_CONTACT.fullmatch(contact) for contact in contacts if contact), None)
        if match is not None and name != SEALED:
            found_there[name] = match["host"] + (match["more"] or "")
    return found_there


def endpoints(found: Found) -> set[str]:
    return set(objects(found.confs.get("pjsip.conf"), "endpoint"))


def plan(found: Found, answers: Answers | None, secrets: Secrets) -> Plan:
    """All that is still to be done; nothing where it was done before. Raises CannotPlan.

    `answers` are needed where `answers_wanted` says so.
    """
    _refuse_what_is_there_by_hand(found)
    wanted = [
        *_dialplan(found),
        *_pjsip(found, answers, secrets),
        *_ari(found, secrets),
        *_ami(found, secrets),
        *_daemon(found, answers, secrets),
        *_includes(found),
    ]
    return Plan(
        tuple(_folders(found)),
        tuple(each for each in wanted if found.files.get(each.path) != each.content),
        tuple(_remarks(found, answers)),
    )


def _refuse_what_is_there_by_hand(found: Found) -> None:
    ours = found.places.ours
    for name, conf in found.confs.items():
        for path in conf.files:
            if path.name in (DIALPLAN, *TEMPLATES) and path.parent != ours:
                raise CannotPlan(
                    f"{name} includes {path}: call-bridge was installed by hand here. Go on by hand, or take "
                    f"the includes of its files out and run this again."
                )
    for name, kind in ((_ari_user(found), "user"), (SEALED, "endpoint")):
        file = "ari.conf" if kind == "user" else "pjsip.conf"
        section = objects(found.confs.get(file), kind).get(name)
        if section is not None and section.place.path.parent != ours:
            raise CannotPlan(
                f"{section.place} has a section [{name}] already: rename it, or take it out, and run "
                "this again."
            )


def _folders(found: Found) -> Iterator[Folder]:
    """The keys are not in the folder of the database: whoever copies that has no number."""
    places = found.places
    yield Folder(places.ours, 0o750, Owner(found.root.user, found.asterisk.group))
    yield Folder(places.config.parent, 0o755, found.root)
    yield Folder(places.units, 0o755, found.root)
    yield Folder(places.state, 0o750, found.daemon)
    if places.keys is not None:
        yield Folder(places.keys.parent, 0o700, found.daemon)


# --- Asterisk's side ----------------------------------------------------------------------------------


def _dialplan(found: Found) -> Iterator[Change]:
    for name in (DIALPLAN, *TEMPLATES):
        shipped = found.shipped[f"dialplan/{name}"]
        yield replace(_for_asterisk(found, name, shipped), like=shipped)


def _for_asterisk(found: Found, name: str, content: bytes, *, secret: bool = False) -> Change:
    """A file of ours: root's, and readable by Asterisk's group."""
    owner = Owner(found.root.user, found.asterisk.group)
    return Change(found.places.ours / name, content, SHARED, owner, secret)


def _pjsip(found: Found, answers: Answers | None, secrets: Secrets) -> Iterator[Change]:
    """Made once. From then on it is whoever runs the PBX who changes it."""
    if found.files.get(found.places.ours / "pjsip.conf") is not None:
        return
    given = _given(answers)
    there = trunks(found)
    if given.trunk is not None and given.trunk not in there:
        raise CannotPlan(
            f"pjsip.conf has no endpoint {given.trunk} with a contact= in its AOR: name another as the "
            "trunk, or the carrier's address."
        )
    if given.trunk is None and "trunk" in endpoints(found):
        raise CannotPlan(
            "pjsip.conf has an endpoint named trunk already: if it leads to your carrier, say --trunk trunk."
        )
    new = tuple(each for each in given.managers if each not in endpoints(found))
    text = texts.pjsip(
        given,
        managers=new,
        transport=not _has_udp(found.confs.get("pjsip.conf")),
        copied=_copied(found, given.trunk),
        listen=_listen(found),
    )
    for extension in new:
        password = texts.password(secrets.sip_passwords[extension]).encode()
        yield from _once(found, _for_asterisk(found, f"sip-password-{extension}.conf", password, secret=True))
    if given.trunk is None and given.carrier_user:
        if secrets.carrier_password is None:
            raise CannotPlan("The carrier's user needs a password: say --carrier-password-file.")
        password = texts.password(secrets.carrier_password).encode()
        yield from _once(found, _for_asterisk(found, "carrier-password.conf", password, secret=True))
    yield _for_asterisk(found, "pjsip.conf", text.encode())


def _given(answers: Answers | None) -> Answers:
    if answers is None:
        raise ValueError("answers are wanted")
    return answers


def _once(found: Found, change: Change) -> Iterator[Change]:
    if found.files.get(change.path) is None:
        yield change


def _has_udp(conf: Conf | None) -> bool:
    transports = objects(conf, "transport").values()
    return any((value_of(each, "protocol") or "udp").lower() == "udp" for each in transports)


def _copied(found: Found, trunk: str | None) -> list[tuple[str, str]]:
    """What the sealed trunk must have in common with the PBX's own, to be the same to the carrier."""
    section: Section | None = objects(found.confs.get("pjsip.conf"), "endpoint").get(trunk or "")
    settings = section.settings if section else ()
    return [(each.name.lower(), each.value) for each in settings if each.name.lower() in _COPIED]


def _listen(found: Found) -> str:
    sealed = found.config.trunk.sealed if found.config else None
    return sealed.listen if sealed else _LISTEN


def _ari(found: Found, secrets: Secrets) -> Iterator[Change]:
    """The password is in two files: Asterisk's, which is believed, and the daemon's."""
    theirs = found.places.ours / "ari-password.conf"
    known = found.files.get(theirs)
    if known is None:
        known = texts.password(_ari_password_of_daemon(found) or secrets.ari_password).encode()
        yield _for_asterisk(found, theirs.name, known, secret=True)
    yield _of_daemon(found, found.places.ari_password, known.removeprefix(b"password=").strip() + b"\n")
    # Decided once: with our own files included, there is nothing more to switch on.
    if found.files.get(found.places.ours / "ari.conf") is None:
        conf = found.confs.get("ari.conf")
        setting = conf.last("general", "enabled") if conf else None
        enable = conf is None or (setting is not None and not is_true(setting.value))
        text = texts.ari(_ari_user(found), general=_has_general(conf), enable=enable)
        yield _for_asterisk(found, "ari.conf", text.encode())
    if _web_server_is_off(found):
        yield _for_asterisk(
            found, "http.conf", texts.http(general=_has_general(found.confs.get("http.conf"))).encode()
        )


def _ami(found: Found, secrets: Secrets) -> Iterator[Change]:
    """Where config.yaml wants it, and says a file for the secret: it is in two, as ARI's password is."""
    path = found.places.ami_secret
    if found.config is None or path is None:
        return
    theirs = found.places.ours / "ami-secret.conf"
    known = found.files.get(theirs)
    if known is None:
        known = f"secret={secrets.ami_secret}\n".encode()
        yield _for_asterisk(found, theirs.name, known, secret=True)
    yield _of_daemon(found, path, known.removeprefix(b"secret=").strip() + b"\n")
    if found.files.get(found.places.ours / "manager.conf") is None:
        conf = found.confs.get("manager.conf")
        setting = conf.last("general", "enabled") if conf else None
        enable = setting is None or not is_true(setting.value)
        text = texts.manager(found.config.ami.user, general=_has_general(conf), enable=enable)
        yield _for_asterisk(found, "manager.conf", text.encode())


def _ari_user(found: Found) -> str:
    return found.config.asterisk.ari_user if found.config else ARI_USER


def _ari_password_of_daemon(found: Found) -> str | None:
    content = found.files.get(found.places.ari_password)
    text = content.decode(errors="replace").strip() if content else ""
    return text if text.isascii() and text.isalnum() else None


def _has_general(conf: Conf | None) -> bool:
    return conf is not None and conf.section("general") is not None


def _web_server_is_off(found: Found) -> bool:
    conf = found.confs.get("http.conf")
    setting = conf.last("general", "enabled") if conf else None
    return setting is None or not is_true(setting.value)


# --- The daemon's side --------------------------------------------------------------------------------


def _of_daemon(found: Found, path: Path, content: bytes, needed_by: Path | None = None) -> Change:
    return Change(path, content, PRIVATE, found.daemon, secret=True, needed_by=needed_by)


def _daemon(found: Found, answers: Answers | None, secrets: Secrets) -> Iterator[Change]:
    if found.config is None:
        shipped = found.shipped["config.yaml"]
        text = texts.config(shipped.decode(), _values(found, _given(answers)))
        yield Change(found.places.config, text.encode(), PUBLIC, found.root, like=shipped)
    if found.places.keys is not None:
        ring = secrets.key_ring.encode()
        yield from _once(found, _of_daemon(found, found.places.keys, ring, found.places.database))
    for name, content in found.shipped.items():
        folder, _, unit = name.rpartition("/")
        if folder == "units" and unit not in found.units_elsewhere:
            if str(found.program).startswith(_HIDDEN_HOMES):
                raise CannotPlan(
                    f"{found.program} is in a home folder, which services don't see: install call-bridge "
                    "into /opt/call-bridge, for one."
                )
            ours = content.replace(_PROGRAM, str(found.program).encode())
            yield Change(found.places.units / unit, ours, PUBLIC, found.root, like=content)


def _values(found: Found, answers: Answers) -> dict[tuple[str, ...], str]:
    places = found.places
    host, port = sip_address(found.confs.get("pjsip.conf"), "udp")
    carrier = answers.carrier if answers.trunk is None else trunks(found)[answers.trunk]
    trunk = answers.trunk or "trunk"
    return {
        ("shop", "name"): texts.quoted(answers.shop_name),
        ("shop", "country"): texts.quoted(answers.country),
        ("shop", "language"): answers.language,
        ("shop", "timezone"): answers.timezone,
        ("asterisk", "ari_url"): _ari_url(found),
        ("asterisk", "ari_password_file"): places.told(places.ari_password),
        ("trunk", "sealed", "carrier"): texts.quoted(f"sip:{{number}}@{carrier}"),
        ("trunk", "sealed", "asterisk"): texts.quoted(f"{host}:{port}"),
        ("trunk", "sealed", "watch"): trunk,
        ("trunk", "caller_id_name"): texts.quoted(answers.shop_name),
        ("trunk", "caller_id_number"): texts.quoted(answers.shop_number),
        ("callbacks", "endpoints"): f"[{trunk}]",
        ("store", "path"): places.told(places.database),
        ("keys", "file"): places.told(places.keys or places.state),
        ("api", "socket"): places.told(places.state / "call-bridge.sock"),
        ("api", "desk_socket"): places.told(places.state / "desk.sock"),
    }


def _ari_url(found: Found) -> str:
    if _web_server_is_off(found):
        host = LOOPBACK
    else:
        host = _setting(found, "bindaddr", "")
        if host not in {*_EVERY_ADDRESS, LOOPBACK, "localhost"}:
            raise CannotPlan(
                f"http.conf lets Asterisk's web server answer at {host} alone: the daemon comes in by "
                f"{LOOPBACK}. Let bindaddr be that, or 0.0.0.0 behind a firewall."
            )
    prefix = _setting(found, "prefix", "").strip("/")
    return "/".join(filter(None, (f"http://{LOOPBACK}:{_setting(found, 'bindport', '8088')}", prefix, "ari")))


def _setting(found: Found, name: str, default: str) -> str:
    conf = found.confs.get("http.conf")
    setting = conf.last("general", name) if conf else None
    return setting.value if setting and setting.value else default


# --- The includes, last -------------------------------------------------------------------------------


def _includes(found: Found) -> Iterator[Change]:
    wanted = {"extensions.conf": DIALPLAN, "pjsip.conf": "pjsip.conf", "ari.conf": "ari.conf"}
    if _web_server_is_off(found):
        wanted["http.conf"] = "http.conf"
    if found.places.ami_secret is not None:
        wanted["manager.conf"] = "manager.conf"
    for name, target in wanted.items():
        conf = found.confs.get(name)
        if conf is not None and found.places.ours / target in conf.files:
            continue
        path = place_of_include(found, name)
        before = found.files.get(path) or b""
        if ends_in_a_comment(before.decode("utf-8", "surrogateescape")):
            raise CannotPlan(
                f"{path} ends within a comment that `;--` begins: end it with `--;`, and run this again."
            )
        # A file that is missing one day must not keep Asterisk from reading all the others.
        line = f'#tryinclude "{FOLDER}/{target}"'
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        owner = Owner(found.root.user, found.asterisk.group)
        yield Change(path, before + gap + line.encode() + b"\n", SHARED, owner, line=line)


def place_of_include(found: Found, name: str) -> Path:
    """The file itself, or the one for own settings that it includes, where a program writes it.

    FreePBX has several of those. The one named after the file will do; else the last, which has the last
    word. Raises CannotPlan.
    """
    conf = found.confs.get(name)
    path = found.places.etc / name
    if conf is None or path not in found.generated:
        return path
    own = [each for each in conf.files if "_custom" in each.stem and each not in found.generated]
    if not own:
        raise CannotPlan(
            f"{path} is written by a program, and includes no file for settings of your own (*_custom.conf)."
        )
    named = path.with_name(f"{path.stem}_custom.conf")
    return named if named in own else own[-1]


def _remarks(found: Found, answers: Answers | None) -> Iterator[str]:
    if answers is None:
        return
    there = endpoints(found)
    for extension in answers.managers:
        if extension in there:
            yield (
                f"{extension} has an endpoint already, and is left as it is: it dials orders once its "
                "context= is call-bridge-managers. `call-bridge doctor` says what else in it shows numbers."
            )
