"""A phone's account in the words of the program that fetches it.

Linphone: sections and keys of its configuration, as XML (wiki.linphone.org, Lib/Features/Remote Provisioning;
the keys by liblinphone's page "Provisioning configuration keys"). Zoiper: version 1.13 of its provisioning
XML, as the README of github.com/ZoiPer/provisioningexample lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from bridge.api.desk.shapes import PhoneAccount

Values = Mapping[str, str | int]

_LINPHONE: Final = "http://www.linphone.org/xsds/lpconfig.xsd"
_CODECS: Final = ("PCMA", "PCMU")
"""Those of the template call-bridge-manager, in its order."""

_ZOIPERS_CODECS: Final = {6: "aLaw", 0: "uLaw"}
_SECONDS_REGISTERED: Final = 300
"""As the template's AOR has it: a phone that is gone is soon known to be."""


def linphone(account: PhoneAccount) -> bytes:
    """Each entry overwrites what an earlier account has left there."""
    config = Element("config", xmlns=_LINPHONE)
    for section, entries in _linphones(account).items():
        node = SubElement(config, "section", name=section)
        for name, value in entries.items():
            SubElement(node, "entry", name=name, overwrite="true").text = str(value)
    return _written(config)


def _linphones(account: PhoneAccount) -> dict[str, Values]:
    server = f"<sip:{account.host}:{account.port};transport={account.transport}>"
    codecs: dict[str, Values] = {
        f"audio_codec_{place}": {"mime": codec, "rate": 8000, "channels": 1, "enabled": 1}
        for place, codec in enumerate(_CODECS)
    }
    return {
        # The link is good once: it is not to be fetched again at each start.
        "misc": {"transient_provisioning": 1},
        "sip": {
            "default_proxy": 0,
            "media_encryption": "srtp" if account.srtp else "none",
            "media_encryption_mandatory": int(account.srtp),
            "use_rfc2833": 1,  # DTMF as RFC 4733 has it, which took that one's place
            "use_info": 0,
        },
        "auth_info_0": {
            "username": account.user,
            "userid": account.user,
            "passwd": account.password,
            "domain": account.host,
        },
        "proxy_0": {
            "reg_proxy": server,
            "reg_route": server,
            "reg_identity": f"sip:{account.user}@{account.host}",
            "reg_expires": _SECONDS_REGISTERED,
            "reg_sendregister": 1,
            "publish": 0,
            "push_notification_allowed": 0,  # they would go by way of servers of others
        },
        "video": {"capture": 0, "display": 0, "automatically_initiate": 0, "automatically_accept": 0},
        **codecs,
    }


def zoiper(account: PhoneAccount) -> bytes:
    options = Element("options")
    _put(options, {"prov_version": "1.13"})
    node = SubElement(SubElement(options, "accounts"), "account")
    _put(node, _zoipers(account))
    _put(SubElement(node, "stun"), {"use_stun": "disabled"})
    codecs = SubElement(node, "codecs")
    for priority, codec in enumerate(_ZOIPERS_CODECS, start=1):
        _put(SubElement(codecs, "codec"), {"codec_id": codec, "priority": priority, "enabled": "true"})
    _put(SubElement(node, "zrtp"), {"enabled": "false"})
    return _written(options)


def _zoipers(account: PhoneAccount) -> Values:
    return {
        "ident": account.user,
        "name": account.shop,
        "username": account.user,
        "password": account.password,
        "register_on_startup": "true",
        "enable_push_notifications": "false",
        "use_overlap_dialing": "false",
        "mwi_subscribe_usage": "disabled",  # there is no voicemail
        "use_number_rewriting": "false",
        "use_strip_dial_chars": "false",
        "protocol": "SIP",
        "reregistration_mode": "custom",
        "reregistration_time": _SECONDS_REGISTERED,
        "SIP_domain": f"{account.host}:{account.port}",
        "SIP_use_outbound_proxy": "false",
        "SIP_transport_type": account.transport.upper(),
        "SIP_use_auth_username": "true",
        "SIP_auth_username": account.user,
        "SIP_use_rport": "true",
        "SIP_srtp_mode": "SDES" if account.srtp else "none",
        "SIP_dtmf_style": "rfc_2833",
        "SIP_use_blf": "false",
        "SIP_publish_presence": "false",
        "SIP_subscribe_presence": "false",
    }


def _put(node: Element, values: Values) -> None:
    for name, value in values.items():
        SubElement(node, name).text = str(value)


def _written(root: Element) -> bytes:
    return cast(bytes, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
