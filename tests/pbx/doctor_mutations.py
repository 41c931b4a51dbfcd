"""For each of the doctor's checks a way to break a shop that was well, so that it has something to find."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from doctor_shop import HEALTHY_ARI, HEALTHY_MACHINE, Shop, record_backup, rewrite, substitute
from sqlalchemy import text

from bridge.asterisk.ami.rights import manager_conf_user
from bridge.doctor.checks.endpoints import FOR_BOTH, FOR_MANAGERS, FOR_MANAGERS_AORS, Wanted
from bridge.doctor.checks.modules import NEEDED
from bridge.doctor.checks.voicemail import NEEDED as NEEDED_FOR_MESSAGES
from bridge.doctor.model import DaemonState, FileState, LogChannel, OperatorState
from bridge.doctor.places import CREDENTIAL_STORE
from bridge.intake.orders import add_order
from bridge.intake.rows import Column
from bridge.rules.dialling import Role
from bridge.store.database import Database
from bridge.store.managers import add_manager, disable_manager
from bridge.vault import KeyFile, KeyRing, Vault, read_key_ring, write_key_file
from labkit.units import UNITS, Unit

Break = Callable[[Shop], None]

PASSWORD = "q7Vd93kXz0LmTf52"
WRONG = {
    "yes": "no",
    "no": "yes",
    "0": "1",
    "1": "2",
    "": "1",
    "auto": "info",
    "user": "uri_core",
    "username": "username,ip",
    "ip": "username",
    "header": "ip",
    "uri_pjsip": "user",
    "call-bridge-refuse": "elsewhere",
    "call-bridge-managers": "elsewhere",
    "call-bridge-trunk": "elsewhere",
}
"""By the right value, a wrong one."""

MANAGER = "[101](call-bridge-manager)"
MANAGER_AOR = "[101](call-bridge-manager-aor)"
TRUNK = "[trunk](call-bridge-trunk)"
SEALED = "[trunk-sealed](call-bridge-trunk-sealed)"
SEALED_AOR = "[trunk-sealed](call-bridge-trunk-sealed-aor)"
ASTERISKS_USER = 54322
OWN_UNIT = Path("/etc/systemd/system/call-bridge.service")
SHIPPED_UNIT = dict(Unit.read(UNITS / "call-bridge.service").settings)
LISTENING = "[call-bridge-managers](+)\nexten => 9,1,"


@dataclass(frozen=True)
class Mutation:
    """`prepare` leads to a shop that is ill in other ways already, where a check asks for that."""

    harm: Break
    prepare: Break = lambda shop: None


# --- Ways to break files ------------------------------------------------------------------------------


def append(name: str, text: str) -> Break:
    """At the end of a file of Asterisk's, which is made where there is none."""

    def harm(shop: Shop) -> None:
        path = shop.etc / name
        path.touch(mode=0o600)
        rewrite(path, lambda old: f"{old}\n{text}\n")

    return harm


def general(name: str, line: str, section: str = "general") -> Break:
    return append(name, f"[{section}](+)\n{line}")


def under(header: str, line: str) -> Break:
    """A line below a heading of pjsip.conf."""
    return lambda shop: rewrite(shop.etc / "pjsip.conf", lambda old: _once(old, header, f"{header}\n{line}"))


def _once(text: str, old: str, new: str) -> str:
    """The first one. Raises AssertionError where there is none."""
    assert old in text
    return text.replace(old, new, 1)


def in_etc(name: str, pattern: str, replacement: str) -> Break:
    return lambda shop: substitute(shop.etc / name, pattern, replacement)


def in_shipped(name: str, pattern: str, replacement: str) -> Break:
    return lambda shop: substitute(shop.folder / "dialplan" / name, pattern, replacement)


def mode(path: str, bits: int) -> Break:
    """Of a file of the shop's, which is made where there is none."""

    def harm(shop: Shop) -> None:
        (shop.folder / path).touch()
        (shop.folder / path).chmod(bits)

    return harm


def config(change: Callable[[dict[str, Any]], object]) -> Break:
    def harm(shop: Shop) -> None:
        settings = yaml.safe_load(shop.config_path.read_text())
        change(settings)
        shop.config_path.write_text(yaml.safe_dump(settings, sort_keys=False))

    return harm


def setting(section: str, key: str, value: object) -> Break:
    return config(lambda settings: settings[section].update({key: value}))


def both(*parts: Break) -> Break:
    def harm(shop: Shop) -> None:
        for part in parts:
            part(shop)

    return harm


# --- Ways to break what runs --------------------------------------------------------------------------


def asterisk(**changes: Any) -> Break:
    def harm(shop: Shop) -> None:
        shop.asterisk = replace(shop.asterisk, **changes)

    return harm


def machine(**changes: Any) -> Break:
    def harm(shop: Shop) -> None:
        shop.machine = replace(shop.machine, **changes)

    return harm


def daemon(state: DaemonState | None, trouble: str | None = None) -> Break:
    def harm(shop: Shop) -> None:
        shop.daemon, shop.daemon_trouble = state, trouble

    return harm


def owner(path: str) -> Break:
    def harm(shop: Shop) -> None:
        shop.owners[path] = 54321

    return harm


def credential(bits: int, name: str = "call-bridge-keys") -> Break:
    """The mode of a plain one in systemd's store, which is not ours to write into."""

    def harm(shop: Shop) -> None:
        shop.elsewhere[CREDENTIAL_STORE / name] = FileState(bits, owner=0)

    return harm


def setting_of_keys(name: str) -> Break:
    return config(lambda settings: settings.update(keys={"credential": name}))


def operator(state: OperatorState) -> Break:
    def harm(shop: Shop) -> None:
        shop.operator = state

    return harm


def texts(**settings: Any) -> Break:
    """Texts are sent, by these settings."""
    wanted = {"enabled": True, "url": "https://sms.example/v1/messages"} | settings
    return config(lambda whole: whole.update(texts=wanted))


def texts_with_token(shop: Shop) -> None:
    path = shop.folder / "secrets" / "texts-token"
    path.write_text("a token\n")
    path.chmod(0o600)
    texts(token_file=str(path))(shop)


def takes_messages(shop: Shop) -> None:
    """Where all is as it should be: the folder is Asterisk's, and closed to others."""
    folder = shop.folder / "spool" / "recording"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    setting("callbacks", "voicemail", True)(shop)
    modules = shop.asterisk.modules | set(NEEDED_FOR_MESSAGES)
    asterisk(modules=modules)(shop)
    machine(asterisk_user=ASTERISKS_USER)(shop)
    shop.owners["spool/recording"] = ASTERISKS_USER


def no_folder_of_recordings(shop: Shop) -> None:
    shop.owners.clear()
    (shop.folder / "spool" / "recording").rmdir()


def silent_ari(shop: Shop) -> None:
    shop.ari_trouble = "asterisk.info: no answer"


# --- Ways to break the daemon's own things ------------------------------------------------------------


def _database(shop: Shop) -> Path:
    return shop.folder / "var" / "call-bridge.sqlite3"


def _ring(shop: Shop) -> KeyRing:
    return read_key_ring(KeyFile(shop.folder / "secrets" / "keys"))


@asynccontextmanager
async def signed(shop: Shop) -> AsyncIterator[Database]:
    """The database as whoever has the keys writes it."""
    async with await Database.open(_database(shop)) as database:
        database.sign_audit_with(Vault(_ring(shop)).audit_signer)
        yield database


def another_manager(shop: Shop) -> None:
    async def add() -> None:
        async with signed(shop) as database:
            await add_manager(database, "Zoe", "199", Role.MANAGER, actor="cli:alice")

    asyncio.run(add())


def no_managers(shop: Shop) -> None:
    async def disable() -> None:
        async with signed(shop) as database:
            for extension in ("101", "102"):
                await disable_manager(database, extension, "cli:alice")

    asyncio.run(disable())


def other_keys(shop: Shop) -> None:
    path = shop.folder / "secrets" / "keys"
    path.unlink()
    write_key_file(path, KeyRing.new())


def statement(sql: str) -> Break:
    """Done to the database by somebody else than call-bridge."""

    def harm(shop: Shop) -> None:
        with sqlite3.connect(_database(shop)) as database:
            database.execute(sql)
        database.close()

    return harm


def unsigned_row(shop: Shop) -> None:
    async def write() -> None:
        async with await Database.open(_database(shop)) as database:
            await record_backup(database, HEALTHY_MACHINE.read_at)

    asyncio.run(write())


def no_backup_but(at: datetime | None) -> Break:
    """An audit begun anew, by a signer, with this backup alone."""

    async def rewrite_audit(shop: Shop) -> None:
        async with signed(shop) as database:
            async with database.write() as connection:
                for table in ("audit", "audit_head", "sqlite_sequence"):
                    await connection.execute(text(f"DELETE FROM {table}"))
            if at is not None:
                await record_backup(database, at)

    return lambda shop: asyncio.run(rewrite_audit(shop))


def a_customer(shop: Shop) -> None:
    async def add() -> None:
        cells = {Column.ORDER: "1042", Column.NAME: "Anna", Column.PHONE: "+447700900123"}
        async with signed(shop) as database:
            await add_order(database, Vault(_ring(shop)), cells, home_region="GB", actor="cli:alice")

    asyncio.run(add())


def rotated_ring(shop: Shop) -> None:
    """As after a rotation that was interrupted before it wrapped anything anew."""
    path = shop.folder / "secrets" / "keys"
    rotated = _ring(shop).rotated()
    path.unlink()
    write_key_file(path, rotated)


def keys_beside_database(shop: Shop) -> None:
    path = shop.folder / "var" / "keys"
    shutil.move(shop.folder / "secrets" / "keys", path)
    setting("keys", "file", str(path))(shop)


def nothing_there(shop: Shop) -> None:
    for path in shop.etc.glob("*.conf"):
        path.unlink()


def unreadable(shop: Shop) -> None:
    """A folder in a file's place: even root can't read it."""
    (shop.etc / "hep.conf").mkdir()


def weak_ari_password(shop: Shop) -> None:
    """In both places, so that they still agree."""
    (shop.etc / "call-bridge-ari-password.conf").write_text("password=secret\n")
    (shop.folder / "secrets" / "ari-password").write_text("secret\n")


def direct(settings: dict[str, Any]) -> None:
    del settings["trunk"]["sealed"]
    settings["trunk"]["direct"] = "PJSIP/{number}@trunk"


def ami_user(*lines: str) -> Break:
    return append("manager.conf", "\n".join(["[watcher]", *lines]))


AMI_ON = general("manager.conf", "enabled=yes")
AMI_WANTED = config(lambda settings: settings["ami"].update(enabled=True, secret_file="secrets/ami-secret"))
AMI_OURS = both(
    AMI_ON,
    append("manager.conf", "\n".join([*manager_conf_user("call-bridge"), f"secret={PASSWORD}"])),
    AMI_WANTED,
)
"""As `call-bridge init` sets it up."""
ARI_USER = append("ari.conf", f"[other]\ntype=user\npassword={PASSWORD}")
ARI_READER = both(ARI_USER, general("ari.conf", "read_only=yes", "other"))


# --- The table ----------------------------------------------------------------------------------------


def _settings(prefix: str, header: str, wanted: tuple[Wanted, ...]) -> Iterator[tuple[str, Mutation]]:
    for each in wanted:
        line = f"{each.name}={WRONG[each.value]}"
        yield f"{prefix}-{each.name.replace('_', '-')}", Mutation(under(header, line))


def _module(name: str) -> Mutation:
    return Mutation(general("modules.conf", f"load={name}.so", "modules"))


MODULES = {
    "native-rtp": "bridge_native_rtp",
    "messaging": "res_pjsip_messaging",
    "diversion": "res_pjsip_diversion",
    "exten-state": "res_pjsip_dialog_info_body_generator",
    "sip-logger": "res_pjsip_logger",
    "sip-history": "res_pjsip_history",
    "hep": "res_hep_pjsip",
    "cdr": "cdr_csv",
    "cel": "cel_custom",
    "chanspy": "app_chanspy",
    "recording": "app_mixmonitor",
    "voicemail": "app_voicemail",
    "parking": "res_parking",
    "pickup": "app_directed_pickup",
    "originate": "app_originate",
    "spool": "pbx_spool",
    "programs": "app_system",
    "dial": "app_dial",
    "config-wizard": "res_pjsip_config_wizard",
    "anonymous": "res_pjsip_endpoint_identifier_anonymous",
    "realtime": "pbx_realtime",
    "other-dialplan": "pbx_ael",
    "other-channels": "chan_iax2",
}

MUTATIONS: dict[str, Mutation] = {
    # Managers' phones
    **dict(_settings("manager", MANAGER, FOR_MANAGERS)),
    **dict(_settings("manager", MANAGER_AOR, FOR_MANAGERS_AORS)),
    "manager-no-auth": Mutation(in_etc("pjsip.conf", r"^auth=101$", "")),
    "manager-weak-password": Mutation(
        in_etc("pjsip.conf", r"^username=101\npassword=.*$", "username=101\npassword=101")
    ),
    "manager-endpoint-missing": Mutation(another_manager),
    "manager-callerid": Mutation(in_etc("pjsip.conf", r'^callerid="101" <101>$', 'callerid="101" <102>')),
    "manager-codecs": Mutation(under(MANAGER, "allow=g722")),
    "manager-several-aors": Mutation(in_etc("pjsip.conf", r"^aors=101$", "aors=101,102")),
    "manager-subscribe-context": Mutation(under(MANAGER, "subscribe_context=elsewhere")),
    # The line to the carrier
    **dict(_settings("trunk", TRUNK, FOR_BOTH)),
    "trunk-context": Mutation(under(TRUNK, "context=elsewhere")),
    "trunk-rewrite-contact": Mutation(under(TRUNK, "rewrite_contact=yes")),
    "trunk-identify-by": Mutation(under(TRUNK, "identify_by=username")),
    "trunk-redirect-method": Mutation(under(TRUNK, "redirect_method=uri_core")),
    "sealed-frames": Mutation(under(SEALED, "set_var=FRAME_DROP(RX)=TEXT")),
    "sealed-identify-by": Mutation(under(SEALED, "identify_by=ip")),
    "sealed-redirect-method": Mutation(under(SEALED, "redirect_method=user")),
    "trunk-endpoint-missing": Mutation(
        config(lambda settings: settings["trunk"]["sealed"].update(watch="line"))
    ),
    "trunk-callerid-missing": Mutation(in_etc("pjsip.conf", r'^callerid="Shop".*$', "")),
    "trunk-from-user-missing": Mutation(in_etc("pjsip.conf", r"^from_user=.*$", "")),
    "trunk-caller-id-differs": Mutation(
        in_etc("pjsip.conf", r'^callerid="Shop".*$', 'callerid="Shop" <+442079460001>')
    ),
    "trunk-qualify": Mutation(in_etc("pjsip.conf", r"^qualify_frequency=\d+$", "qualify_frequency=0")),
    "trunk-identify-wide": Mutation(in_etc("pjsip.conf", r"^match=.*$", "match=0.0.0.0/0")),
    "trunk-identify-missing": Mutation(in_etc("pjsip.conf", r"^endpoint=trunk$", "endpoint=other")),
    "trunk-codecs": Mutation(under(TRUNK, "allow=g722")),
    "trunk-direct": Mutation(config(direct)),
    "sealed-contact": Mutation(
        in_etc("pjsip.conf", r"^contact=sip:127\.0\.0\.1:.*$", "contact=sip:127.0.0.1:9")
    ),
    "sealed-asterisk": Mutation(
        config(lambda settings: settings["trunk"]["sealed"].update(asterisk="127.0.0.1:5059"))
    ),
    "sealed-transport": Mutation(under(SEALED, "transport=tcp")),
    "sealed-redirects": Mutation(asterisk(version="20.18.0"), prepare=asterisk(version="20.19.0")),
    "sealed-outbound-proxy": Mutation(under(SEALED, "outbound_proxy=sip:192.0.2.9")),
    "sealed-identified": Mutation(
        append("pjsip.conf", "[way-in]\ntype=identify\nendpoint=trunk-sealed\nmatch=192.0.2.9")
    ),
    "sealed-qualify": Mutation(under(SEALED_AOR, "qualify_frequency=30")),
    # Modules
    **{f"module-{family}": _module(name) for family, name in MODULES.items()},
    "modules-autoload": Mutation(in_shipped("asterisk/modules.conf", r"^autoload=no$", "autoload=yes")),
    "modules-needed": Mutation(in_shipped("asterisk/modules.conf", r"^load=func_frame_drop.so$", "")),
    "modules-not-running": Mutation(asterisk(modules=frozenset(NEEDED) - {"func_frame_drop"})),
    # Logs and records
    "log-verbose": Mutation(general("logger.conf", "full => error,verbose", "logfiles")),
    "log-debug": Mutation(general("logger.conf", "full => error,debug", "logfiles")),
    "log-dtmf": Mutation(general("logger.conf", "full => error,dtmf", "logfiles")),
    "log-notice": Mutation(general("logger.conf", "full => error,notice", "logfiles")),
    "log-console": Mutation(general("logger.conf", "console => error", "logfiles")),
    "log-running": Mutation(asterisk(logs=(LogChannel("messages.log", frozenset({"error", "verbose"})),))),
    "log-queue": Mutation(in_shipped("asterisk/logger.conf", r"^queue_log=no$", "queue_log=yes")),
    "cdr-enabled": Mutation(general("cdr.conf", "enable=yes")),
    "cel-enabled": Mutation(general("cel.conf", "enable=yes")),
    "hep-enabled": Mutation(append("hep.conf", "[general]\ncapture_address=192.0.2.9:9060")),
    "pjproject-log": Mutation(general("pjproject.conf", "asterisk_warning=2,4", "log_mappings")),
    "console-verbose": Mutation(general("asterisk.conf", "verbose=3", "options")),
    "console-debug": Mutation(general("asterisk.conf", "debug=1", "options")),
    # Who can reach Asterisk
    "http-disabled": Mutation(general("http.conf", "enabled=no")),
    "http-static": Mutation(general("http.conf", "enable_static=yes")),
    "http-status": Mutation(general("http.conf", "enable_status=yes")),
    "http-bind": Mutation(general("http.conf", "bindaddr=0.0.0.0")),
    "http-tls-bind": Mutation(general("http.conf", "tlsenable=yes\ntlsbindaddr=0.0.0.0:8089")),
    "ari-url-port": Mutation(general("http.conf", "bindport=9")),
    "ari-disabled": Mutation(general("ari.conf", "enabled=no")),
    "ari-user-missing": Mutation(setting("asterisk", "ari_user", "somebody")),
    "ari-origins": Mutation(general("ari.conf", "allowed_origins=*")),
    "ari-channelvars": Mutation(general("ari.conf", "channelvars=CALLERID(num)")),
    "ari-weak-password": Mutation(weak_ari_password),
    "ari-password-differs": Mutation(
        lambda shop: rewrite(shop.folder / "secrets" / "ari-password", lambda old: f"{PASSWORD}\n")
    ),
    "ari-other-users": Mutation(ARI_USER),
    "ari-readers": Mutation(ARI_READER, prepare=config(direct)),
    "ari-watchers": Mutation(ARI_READER),
    "ari-read-only": Mutation(general("ari.conf", "read_only=yes", "call-bridge")),
    "ami-enabled": Mutation(AMI_ON),
    "ami-web": Mutation(general("manager.conf", "webenabled=yes")),
    "ami-bind": Mutation(general("manager.conf", "bindaddr=0.0.0.0"), prepare=AMI_ON),
    "ami-weak-secret": Mutation(
        ami_user("secret=amp111", "permit=127.0.0.1/255.255.255.255"), prepare=AMI_ON
    ),
    "ami-permit": Mutation(ami_user(f"secret={PASSWORD}"), prepare=AMI_ON),
    "ami-write": Mutation(
        ami_user(f"secret={PASSWORD}", "permit=127.0.0.1/255.255.255.255", "write=originate"), prepare=AMI_ON
    ),
    "ami-read": Mutation(in_etc("manager.conf", r"^read=system,security$", "read=call"), prepare=AMI_OURS),
    "ami-filter": Mutation(in_etc("manager.conf", r"^eventfilter=!AccountID.*$", ""), prepare=AMI_OURS),
    "ami-others": Mutation(
        ami_user(f"secret={PASSWORD}", "permit=127.0.0.1/255.255.255.255"), prepare=AMI_OURS
    ),
    "ami-missing": Mutation(AMI_WANTED),
    "sip-unencrypted": Mutation(in_etc("pjsip.conf", r"^bind=127\.0\.0\.1", "bind=0.0.0.0")),
    "sip-old-tls": Mutation(
        append("pjsip.conf", "[tls]\ntype=transport\nprotocol=tls\nbind=127.0.0.1\nmethod=tlsv1")
    ),
    "sip-debug": Mutation(append("pjsip.conf", "[global]\ntype=global\ndebug=yes")),
    "sip-anonymous": Mutation(append("pjsip.conf", "[anonymous]\ntype=endpoint\ncontext=elsewhere")),
    "live-dangerously": Mutation(general("asterisk.conf", "live_dangerously=yes", "options")),
    "exec-includes": Mutation(general("asterisk.conf", "execincludes=yes", "options")),
    "console-shell": Mutation(general("asterisk.conf", "disable_remote_console_shell=no", "options")),
    "core-dump-option": Mutation(general("asterisk.conf", "dumpcore=yes", "options")),
    "rtp-strict": Mutation(in_etc("rtp.conf", r"^strictrtp=yes$", "strictrtp=no")),
    "rtp-ice": Mutation(in_etc("rtp.conf", r"^icesupport=no$", "icesupport=yes")),
    # The dialplan
    "dialplan-missing": Mutation(lambda shop: rewrite(shop.etc / "extensions.conf", lambda old: "")),
    "dialplan-managers-dial": Mutation(append("extensions.conf", f"{LISTENING}Dial(PJSIP/${{EXTEN}}@trunk)")),
    "dialplan-others-dial": Mutation(
        append("extensions.conf", "[office]\nexten => 200,1,Dial(PJSIP/1@trunk-sealed)")
    ),
    "dialplan-included": Mutation(
        append(
            "extensions.conf", "[call-bridge-managers](+)\ninclude => office\n[office]\nexten => 9,1,Hangup()"
        )
    ),
    "dialplan-listening": Mutation(append("extensions.conf", f"{LISTENING}ChanSpy(PJSIP/102)")),
    "dialplan-programs": Mutation(append("extensions.conf", f"{LISTENING}System(true)")),
    "dialplan-speaks": Mutation(append("extensions.conf", f"{LISTENING}NoOp(${{CALLERID(num)}})")),
    "dialplan-hint": Mutation(
        append("extensions.conf", "[call-bridge-managers](+)\nexten => 102,hint,PJSIP/102")
    ),
    "dialplan-open-pattern": Mutation(
        append("extensions.conf", "[office]\nexten => _6X.,1,Stasis(call-bridge,order,${EXTEN:1})")
    ),
    "dialplan-strip": Mutation(
        in_shipped(
            "extensions-call-bridge.conf",
            r"^exten => s,1,Gosub\(call-bridge-strip,s,1\)$",
            "exten => s,1,Wait(1)",
        )
    ),
    "dialplan-elsewhere": Mutation(append("extensions.ael", "// more")),
    "dialplan-application": Mutation(append("extensions.conf", "[globals]\nCALLBRIDGE_APP=another")),
    "features-pickup": Mutation(general("features.conf", "pickupexten=*8")),
    "features-blind-transfer": Mutation(general("features.conf", "blindxfer=#1", "featuremap")),
    "features-transfer": Mutation(general("features.conf", "atxfer=#2", "featuremap")),
    "features-disconnect": Mutation(general("features.conf", "disconnect=#0", "featuremap")),
    "features-recording": Mutation(general("features.conf", "automixmon=#3", "featuremap")),
    "features-parking": Mutation(general("features.conf", "parkcall=#72", "featuremap")),
    "features-application": Mutation(
        append("features.conf", "[applicationmap]\nrecord => #9,self,MixMonitor(a.wav)")
    ),
    # Files and keys
    "file-unreadable": Mutation(unreadable),
    "file-no-configuration": Mutation(nothing_there),
    "file-secrets": Mutation(mode("etc/asterisk/pjsip.conf", 0o644)),
    "file-writable": Mutation(mode("etc/asterisk/http.conf", 0o602)),
    "file-config": Mutation(mode("config.yaml", 0o620)),
    "file-ari-password": Mutation(mode("secrets/ari-password", 0o640)),
    "file-socket": Mutation(mode("var/call-bridge.sock", 0o666)),
    "file-store-folder": Mutation(mode("var", 0o755)),
    "file-log": Mutation(mode("log", 0o755), prepare=mode("log/messages.log", 0o644)),
    "file-syntax": Mutation(general("pjsip.conf", "no equals sign", "101")),
    "file-owner": Mutation(owner("etc/asterisk/http.conf")),
    "file-daemon-owner": Mutation(owner("secrets/keys")),
    "keys-beside-database": Mutation(keys_beside_database),
    "file-credential": Mutation(
        credential(0o640), prepare=both(setting_of_keys("call-bridge-keys"), credential(0o600))
    ),
    "keys-environment": Mutation(config(lambda settings: settings.update(keys={"environment": "KEYS"}))),
    # The daemon
    "config-faults": Mutation(setting("shop", "shoes", "brown")),
    "database-unusable": Mutation(mode("var/call-bridge.sqlite3", 0o644)),
    "managers-none": Mutation(no_managers),
    "keys-unusable": Mutation(mode("secrets/keys", 0o644)),
    "keys-wrong": Mutation(other_keys),
    "plain-http": Mutation(
        both(
            setting("asterisk", "plain_http_allowed", True),
            setting("asterisk", "ari_url", "http://192.0.2.9:8088/ari"),
        )
    ),
    "daemon-log-debug": Mutation(setting("log", "level", "debug")),
    "ari-silent": Mutation(silent_ari),
    "daemon-silent": Mutation(daemon(None, "no daemon answers here")),
    "daemon-sealed": Mutation(daemon(DaemonState(sealed=True, link=True))),
    "daemon-unlinked": Mutation(daemon(DaemonState(sealed=False, link=False))),
    "config-not-loaded": Mutation(daemon(DaemonState(sealed=False, link=True, config_changed=True))),
    "unit-watchdog": Mutation(
        machine(units={OWN_UNIT: SHIPPED_UNIT | {"Type": "exec"}}),
        prepare=machine(units={OWN_UNIT: SHIPPED_UNIT}),
    ),
    "pjsip-not-reloaded": Mutation(
        asterisk(endpoints={"101": {"send_pai": "true", "direct_media": "false"}})
    ),
    "pjsip-not-known": Mutation(asterisk(endpoints={"101": {"send_pai": "false"}, "102": {}})),
    # Text messages
    "texts-token": Mutation(mode("secrets/texts-token", 0o640), prepare=texts_with_token),
    "texts-credential": Mutation(
        credential(0o644, "texts-token"),
        prepare=both(texts(token_credential="texts-token"), credential(0o600, "texts-token")),
    ),
    "texts-gateway": Mutation(texts(gateway="carrier-pigeon"), prepare=texts()),
    "texts-address": Mutation(operator(OperatorState(allowed=False)), prepare=texts()),
    "texts-unreachable": Mutation(operator(OperatorState(trouble="TimeoutError")), prepare=texts()),
    "texts-plain-http": Mutation(
        texts(url="http://192.0.2.9/messages", private_networks=["192.0.2.0/24"]),
        prepare=texts(url="http://127.0.0.1/messages", private_networks=["127.0.0.0/8"]),
    ),
    "texts-walled-in": Mutation(
        machine(units={OWN_UNIT: SHIPPED_UNIT}),
        prepare=both(texts(), machine(units={OWN_UNIT: SHIPPED_UNIT | {"IPAddressAllow": "any"}})),
    ),
    # Voice messages
    "voicemail-folder": Mutation(no_folder_of_recordings, prepare=takes_messages),
    "voicemail-folder-closed": Mutation(owner("spool/recording"), prepare=takes_messages),
    "voicemail-folder-open": Mutation(
        lambda shop: (shop.folder / "spool/recording").chmod(0o755), prepare=takes_messages
    ),
    "voicemail-modules": Mutation(
        in_shipped("asterisk/modules.conf", r"^load=res_ari_recordings.so$", ""), prepare=takes_messages
    ),
    "voicemail-not-running": Mutation(asterisk(modules=HEALTHY_ARI.modules), prepare=takes_messages),
    # What is on record
    "audit-altered": Mutation(statement("UPDATE audit SET detail = 'role=owner' WHERE id = 1")),
    "audit-unvouched": Mutation(unsigned_row),
    "backup-none": Mutation(no_backup_but(None)),
    "backup-old": Mutation(no_backup_but(HEALTHY_MACHINE.read_at - timedelta(days=2))),
    "keys-rotation-unfinished": Mutation(rotated_ring, prepare=a_customer),
    # The machine and Asterisk's version
    "advisory-ghsa-vrfp-mg3q-3959": Mutation(asterisk(version="22.10.0")),
    "advisory-ghsa-wcvv-g26m-wx5c": Mutation(
        general("ari.conf", "read_only=yes", "other"),
        prepare=both(config(direct), ARI_USER, asterisk(version="23.4.0")),
    ),
    "advisory-ghsa-c4cg-9275-6w44": Mutation(
        asterisk(version="20.9.1"), prepare=both(AMI_ON, asterisk(version="20.9.2"))
    ),
    "advisory-ghsa-33x6-fj46-6rfh": Mutation(
        asterisk(version="22.1.0"), prepare=both(AMI_ON, asterisk(version="22.1.1"))
    ),
    "asterisk-too-old": Mutation(asterisk(version="18.26.4"), prepare=asterisk(version="20.18.0")),
    "clock-differs": Mutation(asterisk(clock_ahead=-5.0)),
    "clock-past": Mutation(machine(read_at=datetime(2020, 1, 1, tzinfo=UTC))),
    "core-dumps": Mutation(machine(core_limit=-1)),
    "core-dumps-unit": Mutation(machine(units={Path("/etc/systemd/system/asterisk.service"): {}})),
    "disk-low": Mutation(machine(free_bytes=500_000_000)),
    "disk-full": Mutation(machine(free_bytes=1_000_000)),
}
