"""Which ways are closed by what: families of ways, and everything that closes each."""

from __future__ import annotations

from dataclasses import dataclass

import insiders
import probes
from opened_code import CONNECTED_LINE, FRAME_DROP, FRAME_DROP_OF, PROXY_MEDIA
from openings import (
    ARI,
    ASTERISK,
    CDR,
    CEL,
    EXTENSIONS,
    FEATURES,
    HTTP,
    LOGGER,
    MANAGER,
    MANAGERS,
    PJPROJECT,
    RTP,
    TRUNK,
    Closing,
    left_out,
    setting,
)
from ordinary import FAX_EXTENSION, ORDINARY, ORDINARY_TEXTS
from probes import Probe

from bridge.asterisk.pbx import DROPPED_FRAMES
from labkit.pbxfiles import SHOP_IDENTITY


@dataclass(frozen=True)
class Family:
    """Ways that share what closes them.

    With all `closings` opened together, `probe` finds a leak; with all but one, none: each holds alone. Where
    Asterisk leaks not even then, `idle` says why. `besides` is opened in every case, to get there sooner.
    `direct` tells that it is tried with direct dialling.
    """

    name: str
    probe: Probe
    closings: tuple[Closing, ...]
    besides: tuple[Closing, ...] = ()
    idle: str = ""
    direct: bool = False

    def __str__(self) -> str:
        return self.name


def frames_dropped(kind: str) -> Closing:
    return Closing(f"`FRAME_DROP(RX)` of {kind} on the customer's leg", code=FRAME_DROP_OF[kind])


FRAMES_DROPPED_BY_THE_TRUNK = setting(
    TRUNK, f"set_var=FRAME_DROP(RX)={DROPPED_FRAMES}", opened="CALLBRIDGE_NOTHING=1"
)
"""What it drops of a channel that the daemon makes is said anew by that; but a hook it is all the same."""

IDENTITIES = (
    setting(TRUNK, "trust_id_inbound=no"),
    setting(TRUNK, "trust_connected_line=no"),
    setting(MANAGERS, "send_pai=no", "send_rpid=no"),
    setting(MANAGERS, "send_connected_line=no"),
)
JOINED_MEDIA = (
    Closing("the bridge's type is `proxy_media`", code=PROXY_MEDIA),
    Closing("`bridge_native_rtp` is not loaded", modules=("bridge_native_rtp",)),
    Closing("`FRAME_DROP(RX)` on the customer's leg", code=FRAME_DROP),
    FRAMES_DROPPED_BY_THE_TRUNK,
)

CALLS_BY_THE_CARRIER = (
    setting(TRUNK, "context=call-bridge-trunk", opened=ORDINARY),
    left_out("app_dial"),
)
CALLS_IN = (*CALLS_BY_THE_CARRIER, setting(TRUNK, SHOP_IDENTITY.splitlines()[0], opened=""))
MESSAGING = left_out("res_pjsip_messaging")
WATCHING = Closing(
    "`res_pjsip_exten_state` is not loaded",
    modules=("res_pjsip_outbound_publish", "res_pjsip_exten_state", "res_pjsip_dialog_info_body_generator"),
)
VIDEO = (
    setting(MANAGERS, "max_video_streams=0", opened="1"),
    setting(TRUNK, "max_video_streams=0", opened="1"),
    setting(MANAGERS, "allow=alaw,ulaw", opened="alaw,ulaw,h264"),
    setting(TRUNK, "allow=alaw,ulaw", opened="alaw,ulaw,h264"),
)
FAX = (
    setting(MANAGERS, "t38_udptl=no"),
    setting(TRUNK, "t38_udptl=no"),
    Closing("`res_pjsip_t38` is not loaded", modules=("res_pjsip_t38",)),
)

MANAGERS_AT_AN_ORDINARY_PBX = setting(MANAGERS, "context=call-bridge-managers", opened=ORDINARY)
NUMBERS_BY_HAND = (MANAGERS_AT_AN_ORDINARY_PBX, left_out("app_dial"))


def log_of(level: str) -> Closing:
    line = "messages.log => warning,error"
    return Closing("`messages.log` takes warnings and errors alone", ((LOGGER, line, f"{line},{level}"),))


FAMILIES = (
    Family(
        "identities said before the answer or with it",
        probes.early_identities,
        (Closing("the bridge inhibits connected-line updates", code=CONNECTED_LINE), *IDENTITIES),
    ),
    Family(
        # The bridge's inhibition ends with the joining: it does nothing here. Dropped frames do nothing
        # there: what was said before the answer stands on the customer's channel by then.
        "identities said in the conversation",
        probes.identities,
        (frames_dropped("CONNECTED_LINE"), *IDENTITIES),
    ),
    Family("what RTP carries besides sound", probes.media, JOINED_MEDIA),
    Family(
        "RTCP",
        probes.rtcp,
        (*JOINED_MEDIA, setting(MANAGERS, "direct_media=no"), setting(TRUNK, "direct_media=no")),
    ),
    Family(
        "keys (telephone events, INFO)",
        probes.keys,
        (frames_dropped("DTMF"),),
    ),
    Family(
        "text messages in a call",
        probes.texts,
        (
            MESSAGING,
            frames_dropped("TEXT"),
        ),
    ),
    Family(
        # Asterisk notes a diversion of the carrier's re-INVITE on the manager's leg, and tells it in the next
        # re-INVITE that goes there: a refresh of the session, or at once where identities are passed on.
        "Diversion, History-Info in the conversation",
        probes.diversions,
        (
            Closing("`res_pjsip_diversion` is not loaded", modules=("res_pjsip_diversion",)),
            setting(MANAGERS, "send_diversion=no", "send_history_info=no"),
            frames_dropped("REDIRECTING"),
        ),
        besides=(frames_dropped("CONNECTED_LINE"), *IDENTITIES),
    ),
    Family(
        "calls to a manager's extension",
        probes.calls_from_outside,
        CALLS_IN,
    ),
    Family(
        "text messages to a manager's extension",
        probes.texts_from_outside,
        (setting(TRUNK, "message_context=call-bridge-refuse", opened=ORDINARY_TEXTS), MESSAGING),
    ),
    Family(
        "text messages by the manager's phone",
        probes.texts_by_the_phone,
        (setting(MANAGERS, "message_context=call-bridge-refuse", opened=ORDINARY_TEXTS), MESSAGING),
    ),
    Family(
        "a manager's phone that watches a colleague's",
        probes.watching,
        (
            setting(MANAGERS, "allow_subscribe=no", opened=f"yes\nsubscribe_context={ORDINARY}"),
            WATCHING,
            *CALLS_IN,
        ),
    ),
    Family(
        "a carrier that watches a manager's phone",
        probes.watching_by_the_carrier,
        (setting(TRUNK, "allow_subscribe=no", opened=f"yes\nsubscribe_context={ORDINARY}"), WATCHING),
    ),
    Family(
        "identities said while it rings",
        probes.identities_while_it_rings,
        (setting(MANAGERS, "rpid_immediate=no"),),
        besides=(Closing("the bridge inhibits connected-line updates", code=CONNECTED_LINE), *IDENTITIES),
        idle="the legs are bridged only when the customer has answered",
    ),
    Family(
        "advice of charge",
        probes.advice_of_charge,
        (
            setting(MANAGERS, "send_aoc=no"),
            setting(TRUNK, "send_aoc=no"),
            Closing("`res_pjsip_aoc` is not loaded", modules=("res_pjsip_aoc",)),
        ),
        idle="Asterisk's PJSIP reads none: only other channel drivers do",
    ),
    Family(
        "what an offer says of its streams",
        probes.stream_offers,
        (
            setting(MANAGERS, "max_audio_streams=1", opened="4"),
            setting(TRUNK, "max_audio_streams=1", opened="4"),
            *VIDEO,
            *FAX,
        ),
        idle="Asterisk writes each side's SDP itself",
    ),
    Family("what video carries", probes.video, (frames_dropped("VIDEO"), *VIDEO)),
    Family("what fax carries", probes.fax, (frames_dropped("MODEM"), *FAX)),
    Family(
        "Reason, Warning",
        probes.reasons,
        (setting(MANAGERS, "suppress_q850_reason_headers=yes", opened="no"),),
        idle="Asterisk takes from a Reason a cause between 0 and 127, and no words; of Warning nothing",
    ),
    Family(
        "transfer by the manager's phone",
        probes.transfer,
        (setting(MANAGERS, "allow_transfer=no"),),
    ),
    Family(
        "transfer by the carrier",
        probes.transfer_by_the_carrier,
        (setting(TRUNK, "allow_transfer=no"),),
    ),
    Family(
        "somebody who says to be the carrier",
        probes.impostor("trunk"),
        (setting(TRUNK, "identify_by=ip", opened="ip,username"),),
    ),
    Family(
        "a manager's phone that redirects a click",
        probes.phone_that_moves,
        (
            setting(MANAGERS, "redirect_method=user", opened="uri_pjsip"),
            # Asterisk takes it for the phone's own address, and calls the phone again.
            setting(MANAGERS, "rewrite_contact=yes", opened="no"),
        ),
    ),
    Family(
        "a carrier that redirects",
        probes.carrier_that_moves,
        (setting(TRUNK, "redirect_method=user", opened="uri_pjsip"),),
        direct=True,
    ),
    Family(
        "somebody who says to be the trunk for sealed dialling",
        probes.impostor("trunk-sealed"),
        (setting(TRUNK, "identify_by=header", opened="username"),),
    ),
    Family(
        "a number dialled by the manager's phone",
        probes.dialled_number,
        NUMBERS_BY_HAND,
    ),
    Family(
        "pickup, by numbered groups",
        probes.pickup,
        (
            setting(MANAGERS, "call_group=", opened="1"),
            setting(MANAGERS, "pickup_group=", opened="1"),
            setting(FEATURES, "pickupexten=", opened="*8"),
        ),
    ),
    Family(
        "pickup, by named groups",
        probes.pickup,
        (
            setting(MANAGERS, "named_call_group=", opened="shop"),
            setting(MANAGERS, "named_pickup_group=", opened="shop"),
            setting(FEATURES, "pickupexten=", opened="*8"),
        ),
    ),
    Family(
        "features by keys, and by a button for recording",
        probes.features,
        (
            setting(FEATURES, "blindxfer=", opened="1"),
            setting(FEATURES, "atxfer=", opened="2"),
            setting(FEATURES, "disconnect=", opened="3"),
            setting(FEATURES, "automixmon=", opened="4"),
            setting(FEATURES, "parkcall=", opened="5"),
            setting(MANAGERS, "one_touch_recording=no"),
            left_out("res_pjsip_one_touch_record_info"),
            left_out("app_mixmonitor"),
        ),
        idle="keys do something only in a bridge with features, as Dial() makes them; ARI's have none",
    ),
    Family(
        "identities that a manager's phone makes up",
        probes.made_up_identities,
        (
            setting(MANAGERS, "trust_id_inbound=no"),
            setting(MANAGERS, "trust_connected_line=no"),
            setting(TRUNK, "trust_id_outbound=no"),
            setting(TRUNK, "send_pai=no", "send_rpid=no"),
            setting(TRUNK, "send_connected_line=no"),
        ),
    ),
    Family(
        "diversions that a manager's phone makes up",
        probes.made_up_diversions,
        (
            left_out("res_pjsip_diversion"),
            setting(TRUNK, "send_diversion=no", "send_history_info=no"),
        ),
        besides=(
            setting(MANAGERS, "trust_id_inbound=no"),
            setting(MANAGERS, "trust_connected_line=no"),
            setting(TRUNK, "send_pai=no", "send_rpid=no"),
            setting(TRUNK, "send_connected_line=no"),
        ),
    ),
    Family(
        "identities that the customer keeps private",
        probes.private_identities,
        (setting(MANAGERS, "trust_id_outbound=no"), setting(MANAGERS, "send_pai=no", "send_rpid=no")),
        besides=(frames_dropped("CONNECTED_LINE"), *IDENTITIES),
    ),
    Family(
        "an extension told to a carrier that calls it",
        probes.extension_told_early,
        (
            setting(TRUNK, "rpid_immediate=no"),
            setting(TRUNK, "send_pai=no", "send_rpid=no"),
            setting(TRUNK, "send_connected_line=no"),
        ),
        besides=CALLS_BY_THE_CARRIER,
    ),
    Family(
        "a second device of a manager's",
        probes.second_device,
        (setting(MANAGERS, "max_contacts=1", opened="2"),),
    ),
    Family(
        "a manager's phone that is locked out",
        probes.newest_device,
        (setting(MANAGERS, "remove_existing=yes", opened="no"),),
    ),
    Family(
        "a manager's phone that sounds like a fax",
        probes.fax_tone_of_the_phone,
        (
            setting(MANAGERS, "fax_detect=no"),
            Closing(
                "`[call-bridge-order]` has no extension `fax`",
                ((EXTENSIONS, "[call-bridge-order]", f"[call-bridge-order]\n{FAX_EXTENSION}"),),
            ),
        ),
        besides=(left_out("app_dial"),),
    ),
    Family(
        "a customer who sounds like a fax",
        probes.fax_tone_of_the_customer,
        (
            setting(TRUNK, "fax_detect=no"),
            setting(TRUNK, "context=call-bridge-trunk", opened=ORDINARY),
        ),
        besides=(left_out("app_dial"),),
    ),
    Family("a stranger's sound", probes.strangers_sound, (setting(RTP, "strictrtp=yes", opened="no"),)),
    Family(
        "addresses of this machine",
        probes.candidates,
        (
            setting(RTP, "icesupport=no"),
            Closing(
                "no `ice_support` of the manager's phone",
                ((MANAGERS, "direct_media=no", "direct_media=no\nice_support=yes"),),
            ),
        ),
    ),
    Family(
        "ARI from another address",
        insiders.ari_from_elsewhere,
        (setting(HTTP, "bindaddr=127.0.0.1", opened="0.0.0.0"),),
    ),
    Family(
        "the status page",
        insiders.page_at("/httpstatus"),
        (setting(HTTP, "enable_status=no"),),
    ),
    Family(
        "ARI by a web page",
        insiders.ari_by_a_web_page,
        (setting(ARI, "allowed_origins=", opened="*"),),
    ),
    Family(
        "events of the manager interface",
        insiders.ami_events(insiders.ANOTHER_ADDRESS),
        (setting(MANAGER, "enabled=no"), setting(MANAGER, "bindaddr=127.0.0.1", opened="0.0.0.0")),
        direct=True,
    ),
    Family(
        "events of the manager interface, by web",
        insiders.ami_events_by_web,
        (setting(MANAGER, "enabled=no"), setting(MANAGER, "webenabled=no")),
        direct=True,
    ),
    Family(
        "events of the manager interface, of text messages",
        insiders.ami_events_of_texts,
        (setting(MANAGER, "enabled=no"), MESSAGING),
        besides=(setting(MANAGERS, "message_context=call-bridge-refuse", opened=ORDINARY_TEXTS),),
    ),
    Family(
        "call detail records",
        insiders.written("cdr-csv/Master.csv", insiders.dialled_by_hand),
        (setting(CDR, "enable=no"), left_out("cdr_csv")),
        besides=NUMBERS_BY_HAND,
    ),
    Family(
        "channel events",
        insiders.written("cel-custom/Master.csv", insiders.dialled_by_hand),
        (setting(CEL, "enable=no"), left_out("res_cdrel_custom", "cel_custom")),
        besides=NUMBERS_BY_HAND,
    ),
    Family(
        "the log, at its most verbose",
        insiders.written("messages.log", insiders.dialled_by_hand),
        (log_of("verbose"), setting(ASTERISK, "verbose=0", opened="5")),
    ),
    Family(
        "the log, of debugging",
        insiders.written("messages.log", insiders.conversation),
        (log_of("debug"), setting(ASTERISK, "debug=0", opened="5")),
        direct=True,
    ),
    Family(
        "the log of the SIP library",
        insiders.written("messages.log", insiders.malformed_conversation),
        (
            setting(PJPROJECT, "log_level=2", opened="4"),
            setting(PJPROJECT, "asterisk_warning=2", opened="2,3,4"),
        ),
    ),
    Family(
        "the log of the SIP library, of errors",
        insiders.written("messages.log", insiders.malformed_conversation),
        (
            setting(PJPROJECT, "log_level=2", opened="4"),
            setting(PJPROJECT, "asterisk_error=0,1", opened="0,1,3,4"),
        ),
    ),
    Family(
        "the log of queues",
        insiders.written("queue_log", insiders.dialled_for_a_queue),
        (setting(LOGGER, "queue_log=no"), left_out("app_queue")),
        besides=(MANAGERS_AT_AN_ORDINARY_PBX,),
    ),
    *(
        Family(name, probe, (MANAGERS_AT_AN_ORDINARY_PBX, left_out(*modules)))
        for name, probe, *modules in (
            ("listening into calls", insiders.answered_by("listening"), "app_chanspy"),
            ("a mailbox", insiders.answered_by("mailbox"), "app_voicemail"),
            ("a parked call", insiders.answered_by("parking"), "res_parking"),
            ("a program, by an application", insiders.program_by("system"), "app_system"),
            ("a program, by a function", insiders.program_by("shell"), "func_shell"),
            ("a program, by AGI", insiders.program_by("agi"), "res_speech", "res_agi"),
        )
    ),
    Family("a call that lies in a folder", insiders.call_by_a_file, (left_out("pbx_spool"),)),
    Family(
        "a program, by a configuration file",
        insiders.program_by_a_file,
        (setting(ASTERISK, "execincludes=no"),),
    ),
    Family(
        "a file by a function of the dialplan",
        insiders.file_by_ari,
        (setting(ASTERISK, "live_dangerously=no"), left_out("func_env")),
    ),
)
