"""The texts of the files that init writes, apart from those that are shipped as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bridge.asterisk.ami.rights import manager_conf_user
from bridge.install.answers import Answers
from bridge.install.found import FOLDER

_VALUE = re.compile(r"(?P<key> *[a-z_]+:) (?P<value>\"[^\"]*\"|[^#]*?)(?P<comment> *(?:#.*)?)")


def ari(user: str, *, general: bool, enable: bool) -> str:
    """`general`: whether ari.conf has that section above, so that ours adds to it."""
    heading = "[general](+)" if general else "[general]"
    return (
        "; Written by `call-bridge init`: the daemon's access to Asterisk.\n"
        + (f"\n{heading}\nenabled=yes\n" if enable else "")
        + f"\n[{user}]\ntype=user\nread_only=no\npassword_format=plain\n"
        + f'#include "{FOLDER}/ari-password.conf"\n'
    )


def http(*, general: bool) -> str:
    heading = "[general](+)" if general else "[general]"
    return (
        "; Written by `call-bridge init`: the web server that carries ARI was off. For this machine only.\n"
        f"\n{heading}\nenabled=yes\nbindaddr=127.0.0.1\n"
    )


def manager(user: str, *, general: bool, enable: bool) -> str:
    """`general`: whether manager.conf has that section above, so that ours adds to it."""
    heading = "[general](+)" if general else "[general]"
    lines = (
        "; Written by `call-bridge init`: the daemon hears whose phone is there, and who tries passwords. It",
        "; may do nothing, and of calls, numbers and keys it hears nothing: docs/ami.md.",
        *(("", heading, "enabled=yes", "bindaddr=127.0.0.1") if enable else ()),
        "",
        *manager_conf_user(user),
        f'#include "{FOLDER}/ami-secret.conf"',
    )
    return "\n".join(lines) + "\n"


def password(secret: str) -> str:
    """A line to be included in a section."""
    return f"password={secret.replace(';', chr(92) + ';')}\n"


def pjsip(
    answers: Answers,
    *,
    managers: Sequence[str],
    transport: bool,
    copied: Sequence[tuple[str, str]],
    listen: str,
) -> str:
    """Managers and the trunk. `copied` are settings of the PBX's own trunk that the sealed one needs, too."""
    return "\n".join(
        (
            "; Written by `call-bridge init`, and yours from now on: add managers and change the trunk here.",
            "; What can be set, and why: call-bridge's docs/trunks.md, and the two files included below.",
            "",
            f'#include "{FOLDER}/pjsip-managers.conf"',
            f'#include "{FOLDER}/pjsip-trunk.conf"',
            *(_TRANSPORT if transport else ()),
            *(_own_trunk(answers) if answers.trunk is None else ()),
            *_sealed_trunk(answers, copied, listen),
            *(line for extension in managers for line in _manager(extension, answers.language)),
            "",
        )
    )


_TRANSPORT = ("", "[call-bridge-udp]", "type=transport", "protocol=udp", "bind=0.0.0.0:5060")


def _manager(extension: str, language: str) -> tuple[str, ...]:
    return (
        "",
        f"[{extension}](call-bridge-manager)",
        f"auth={extension}",
        f"aors={extension}",
        f'callerid="{extension}" <{extension}>',
        f"language={language}",
        "",
        f"[{extension}](call-bridge-manager-auth)",
        f"username={extension}",
        f'#include "{FOLDER}/sip-password-{extension}.conf"',
        "",
        f"[{extension}](call-bridge-manager-aor)",
    )


def _own_trunk(answers: Answers) -> tuple[str, ...]:
    host = (answers.carrier or "").partition(":")[0]
    return (
        "",
        "[trunk](call-bridge-trunk)",
        "aors=trunk",
        *_shown(answers),
        *_account(answers),
        "",
        "[trunk](call-bridge-trunk-aor)",
        f"contact=sip:{answers.carrier}",
        "",
        "[trunk]",
        "type=identify",
        "endpoint=trunk",
        f"match={host}",
        *(_registration(answers, host) if answers.carrier_user else ()),
    )


def _sealed_trunk(answers: Answers, copied: Sequence[tuple[str, str]], listen: str) -> tuple[str, ...]:
    return (
        "",
        "[trunk-sealed](call-bridge-trunk-sealed)",
        "aors=trunk-sealed",
        *_shown(answers),
        *_account(answers),
        *(f"{name}={value}" for name, value in copied),
        "",
        "[trunk-sealed](call-bridge-trunk-sealed-aor)",
        f"contact=sip:{listen}",
    )


def _shown(answers: Answers) -> tuple[str, ...]:
    """Whom customers see. A carrier with accounts wants the account in From."""
    return (
        f'callerid="{answers.shop_name}" <{answers.shop_number}>',
        f"from_user={answers.carrier_user or answers.shop_number}",
    )


def _account(answers: Answers) -> tuple[str, ...]:
    if answers.trunk is not None or not answers.carrier_user:
        return ()
    return ("outbound_auth=trunk", f"from_domain={(answers.carrier or '').partition(':')[0]}")


def _registration(answers: Answers, host: str) -> tuple[str, ...]:
    user, carrier = answers.carrier_user, answers.carrier
    return (
        "",
        "[trunk]",
        "type=auth",
        "auth_type=userpass",
        f"username={user}",
        f'#include "{FOLDER}/carrier-password.conf"',
        "",
        "[trunk]",
        "type=registration",
        f"server_uri=sip:{carrier}",
        f"client_uri=sip:{user}@{host}",
        f"contact_user={user}",
        "outbound_auth=trunk",
        "line=yes",
        "endpoint=trunk",
    )


def config(shipped: str, values: Mapping[tuple[str, ...], str]) -> str:
    """The shipped configuration, comments and all, with other values. Each is one that is on one line there.

    Raises KeyError for a key that the shipped file does not have.
    """
    left, path, lines = dict(values), list[str](), list[str]()
    for shipped_line in shipped.splitlines():
        line = shipped_line
        match = _VALUE.fullmatch(line) if line.strip() and not line.lstrip().startswith("#") else None
        heading = re.fullmatch(r"( *)([a-z_]+):.*", line)
        if heading is not None:
            path[len(heading[1]) // 2 :] = [heading[2]]
            if match is not None and tuple(path) in left:
                line = f"{match['key']} {left.pop(tuple(path))}{match['comment']}"
        lines.append(line)
    if left:
        raise KeyError(*left)
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as YAML takes it, whatever is in it but quotes and backslashes."""
    return f'"{text}"'
