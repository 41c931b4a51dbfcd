"""Every page is told to whom it concerns, in both languages, and is told safely."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import examples
import pytest
from example_daemon import ExampleDaemon, as_role
from served import Browser, Page, served_desk

from bridge.api.desk.shapes import INVITATION_PATH, Found
from bridge.rules import Role

EVERYBODYS = [
    "/", "/?filter=later&q=ash", "/queue", "/queue?cursor=x", "/orders/1042", "/call", "/account",
    "/account/second-factor", "/doubts", "/phone",
]  # fmt: skip
SUPERVISORS = [
    "/wall", "/managers", "/managers/102", "/managers/102/leave", "/results", "/results?days=90", "/alarms",
    "/alarms/unseen", "/audit", "/audit?actor=x&cursor=8", "/proposals",
    "/orders/1042/contacts", "/orders/1042/assignment",
]  # fmt: skip
OWNERS = ["/orders/1042/contacts/7", "/managers/102/rules"]
PAGES_OF = {
    Role.MANAGER: EVERYBODYS,
    Role.SUPERVISOR: EVERYBODYS + SUPERVISORS,
    Role.OWNER: EVERYBODYS + SUPERVISORS + OWNERS,
}
ALL = PAGES_OF[Role.OWNER]

INVITATION = INVITATION_PATH.format(token="token")

each_language = pytest.mark.parametrize("language", ["en", "ru"])


class Markup(HTMLParser):
    """The tags of a page with their attributes, and what is open at its end."""

    VOID = frozenset({"meta", "link", "input", "br", "use", "path", "circle", "rect", "line", "hr", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


@each_language
@pytest.mark.parametrize("role", list(Role))
async def test_every_page_is_there_for_whom_it_concerns(role: Role, language: str, tmp_path: Path) -> None:
    async with served_desk(as_role(role, language), tmp_path) as desk:
        for path in PAGES_OF[role]:
            page = await desk.get(path)
            assert page.status == 200, path
            if "<html" in page.text:
                assert f'<html lang="{language}"' in page.text, path


@pytest.mark.parametrize("role", [Role.MANAGER, Role.SUPERVISOR])
async def test_a_page_for_others_is_none_at_all(role: Role, tmp_path: Path) -> None:
    async with served_desk(as_role(role), tmp_path) as desk:
        no_page = await desk.get("/no-such-page")
        for path in set(ALL) - set(PAGES_OF[role]):
            page = await desk.get(path)
            assert (page.status, refused(page)) == (404, refused(no_page)), path


def refused(page: Page) -> str:
    return page.text.partition("<h1>")[2].partition("</h1>")[0]


@each_language
async def test_every_page_is_whole_and_has_no_script_or_style_of_its_own(
    language: str, tmp_path: Path
) -> None:
    daemon = as_role(Role.OWNER, language)
    daemon.call = examples.call()
    async with served_desk(daemon, tmp_path) as desk:
        for path in [*ALL, "/sign-in", "/sign-in/code", INVITATION, "/no-such-page"]:
            markup = Markup((await desk.get(path)).text)
            assert (markup.faults, markup.open) == ([], []), path
            for tag, attributes in markup.tags:
                assert tag not in ("style", "iframe", "object", "base"), path
                assert tag != "script" or (attributes["src"] or "").startswith("/static/"), path
                assert not [name for name in attributes if name == "style" or name.startswith("on")], path


@each_language
async def test_every_field_and_button_has_a_name(language: str, tmp_path: Path) -> None:
    async with served_desk(as_role(Role.OWNER, language), tmp_path) as desk:
        for path in ALL:
            text = (await desk.get(path)).text
            markup = Markup(text)
            labelled = {attributes.get("for") for tag, attributes in markup.tags if tag == "label"}
            for tag, attributes in markup.tags:
                if tag not in ("input", "select", "textarea") or attributes.get("type") == "hidden":
                    continue
                wrapped = "<label" in text.split(f'name="{attributes["name"]}"')[0].rpartition("</label>")[2]
                named = attributes.get("id") in labelled or attributes.get("aria-label") or wrapped
                assert named, f"{path}: {attributes}"


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7777 * 7 }}",
    "\u202egnp.exe\u202c",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_a_name_or_a_note_holds_is_text(text: str, tmp_path: Path) -> None:
    daemon = as_role(Role.OWNER)
    daemon.me = examples.me(Role.OWNER, name=text, shop=text)
    daemon.card = examples.card(
        customer_name=text, summary=text, items=[text], manager_name=text, notes=[examples.note(1, text)],
        contacts=[contact.model_copy(update={"label": text}) for contact in examples.CONTACTS],
    )  # fmt: skip
    daemon.queue = examples.queue([examples.row("1042", text, summary=text, manager_name=text)])
    daemon.call = examples.call(customer_name=text, manager_name=text)
    async with served_desk(daemon, tmp_path) as desk:
        for path in ("/", "/orders/1042", "/orders/1042/contacts/7", "/watermark.svg", f"/?q={text}"):
            page = await desk.get(path)
            markup = Markup(page.text)
            assert (page.status, markup.faults) == (200, []), path
            assert not [tag for tag, attributes in markup.tags if tag == "img" or "onfocus" in attributes], (
                path
            )
            assert "alert(1)" not in "".join(
                attributes.get("src") or "" for tag, attributes in markup.tags if tag == "script"
            )
            assert "54439" not in page.text, path
            assert all(attributes.get("src") for tag, attributes in markup.tags if tag == "script"), path


async def test_a_name_that_turns_the_writing_around_turns_nothing_else_around(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    daemon.queue = examples.queue([examples.row("1042", "\u202egnp.exe")])
    assert "<bdi>\u202egnp.exe</bdi>" in (await desk.get("/")).text


async def test_an_order_of_which_little_is_known_has_a_page(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.card = examples.card(
        language=None, items=[], timezone="Nowhere/Atall", due_ms=None, manager_name=None, contacts=[],
        calls=[], outcomes=[], notes=[], other_orders=[], do_not_call=True,
    )  # fmt: skip
    page = await desk.get("/orders/1042")
    assert "This customer is not to be called." in page.text
    assert 'data-key="c"' not in page.text


async def test_contacts_that_may_not_be_dialled_cannot_be_chosen(desk: Browser) -> None:
    inputs = {
        attributes["value"]: attributes
        for tag, attributes in Markup((await desk.get("/orders/1042")).text).tags
        if tag == "input" and attributes.get("name") == "contact_id"
    }
    assert {value for value, attributes in inputs.items() if "disabled" in attributes} == {"9", "10"}
    assert {value for value, attributes in inputs.items() if "checked" in attributes} == {"7"}


async def test_pages_carry_their_readers_name(desk: Browser, daemon: ExampleDaemon) -> None:
    assert 'class="watermark"' in (await desk.get("/")).text
    assert "Olga Petrova" in (await desk.get("/watermark.svg")).text
    daemon.me = examples.me(watermark=False)
    assert 'class="watermark"' not in (await desk.get("/")).text


async def test_who_must_set_up_a_second_factor_gets_nothing_else_first(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    daemon.me = examples.me(Role.OWNER, must_enrol=True, second_factor=False)
    page = await desk.get("/orders/1042")
    assert (page.status, page.headers["Location"]) == (303, "/account/second-factor")
    enrolment = await desk.post("/account/second-factor")
    assert examples.ENROLMENT.secret in enrolment.text
    assert 'class="qr"' in enrolment.text


async def test_an_htmx_request_gets_the_part_that_it_asked_for(desk: Browser) -> None:
    part = await desk.get("/orders/1042", **{"HX-Request": "true"})
    assert "<html" not in part.text
    assert 'data-order="1042"' in part.text


async def test_a_note_tells_what_was_taken_out_of_it(desk: Browser, daemon: ExampleDaemon) -> None:
    daemon.found = [Found(kind="phone", kept=True)]
    saved = await desk.post(
        "/orders/1042/notes", {"note_id": "", "text": "call her"}, **{"HX-Request": "true"}
    )
    assert "A telephone number was taken out of your note. It is kept safe" in saved.text
    sent = {"note_id": None, "text": "call her", "finished": True}
    assert ("PUT", "/v1/orders/1042/notes", sent) in daemon.asked


async def test_a_page_says_whether_its_note_is_still_being_typed(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    saved = await desk.post(
        "/orders/1042/notes", {"note_id": "", "text": "call 0770", "typing": "yes"}, **{"HX-Request": "true"}
    )
    assert "but for the digits" not in saved.text
    sent = {"note_id": None, "text": "call 0770", "finished": False}
    assert ("PUT", "/v1/orders/1042/notes", sent) in daemon.asked
    daemon.held = 4
    saved = await desk.post(
        "/orders/1042/notes", {"note_id": "", "text": "call 𝟬𝟳𝟳𝟬", "typing": "yes"}, **{"HX-Request": "true"}
    )
    assert "but for the digits at the end" in saved.text
    assert 'data-held="8"' in saved.text, "as scripts count them"


async def test_a_link_of_an_invitation_begins_as_the_desk_does(tmp_path: Path) -> None:
    async with served_desk(as_role(Role.OWNER), tmp_path) as desk:
        page = await desk.post("/managers/103/invitations")
        assert f"{desk.origin}{INVITATION_PATH.format(token='once')}" in page.text


LIMITS = dict.fromkeys(("calls_per_hour", "minutes_per_day", "hours"), "")
LIMITS |= {"calls_per_day": "80", "spend_per_day": "4.50"}


async def test_limits_are_changed_after_a_yes_and_put_back_by_a_click(tmp_path: Path) -> None:
    daemon = as_role(Role.OWNER)
    async with served_desk(daemon, tmp_path) as desk:
        asked = await desk.post("/managers/102/limits", LIMITS)
        assert "Change the limits of Tom Baker?" in asked.text
        assert not any(method == "PUT" for method, *_ in daemon.asked)
        done = await desk.post("/managers/102/limits", LIMITS | {"confirmed": "yes"})
    wanted = dict.fromkeys(LIMITS) | {"calls_per_day": 80, "spend_per_day": "4.50"}
    assert ("PUT", "/v1/managers/102/limits", wanted) in daemon.asked
    assert "Put it back as it was" in done.text
    for name, before in (("calls_per_day", "120"), ("hours", "09:00-17:00"), ("spend_per_day", "")):
        assert f'name="{name}" value="{before}"' in done.text


@pytest.mark.parametrize(
    "typed", [{"calls_per_day": "many"}, {"hours": "nine to five"}, {"calls_per_hour": "0"}]
)
async def test_limits_that_are_none_are_shown_again_with_what_is_wrong(
    tmp_path: Path, typed: dict[str, str]
) -> None:
    async with served_desk(as_role(Role.OWNER), tmp_path) as desk:
        page = await desk.post("/managers/102/limits", LIMITS | typed | {"confirmed": "yes"})
    assert page.status == 422
    assert "Something in this form is not as it should be." in page.text
    assert f'value="{next(iter(typed.values()))}"' in page.text


async def test_an_extension_is_changed_after_a_yes_and_put_back_by_a_click(tmp_path: Path) -> None:
    daemon = as_role(Role.OWNER)
    async with served_desk(daemon, tmp_path) as desk:
        asked = await desk.post("/managers/102/extension", {"extension": "202"})
        assert "Another extension for Tom Baker?" in asked.text
        assert not any(path.endswith("/extension") for _, path, _ in daemon.asked)
        form = {"extension": "202", "confirmed": "yes"}
        done = await desk.post("/managers/102/extension", form)
        assert ("POST", "/v1/managers/102/extension", {"extension": "202"}) in daemon.asked
        assert 'action="/managers/202/extension"' in done.text
        assert 'name="extension" value="102"' in done.text
        wrong = await desk.post("/managers/102/extension", form | {"extension": "+44 7700"})
        assert (wrong.status, 'value="+44 7700"' in wrong.text) == (422, True)


async def test_the_rules_of_the_file_are_read_only_and_say_where_they_stand(tmp_path: Path) -> None:
    async with served_desk(as_role(Role.OWNER), tmp_path) as desk:
        page = (await desk.get("/managers/102/rules")).text
    assert "/etc/call-bridge/config.yaml" in page
    assert '<code>rules.limits.per_day</code></th><td>300</td><td class="number">121</td>' in page
    assert "rules.limits" not in "".join(part for part in page.split("<") if part.startswith("input"))


async def test_a_number_is_in_the_one_answer_that_shows_it(tmp_path: Path) -> None:
    form = {"reason": "the courier waits at her door", "code": "123 456"}
    async with served_desk(as_role(Role.OWNER), tmp_path) as desk:
        shown = await desk.post("/orders/1042/contacts/7", form)
        assert examples.NUMBER in shown.text
        assert shown.headers["Cache-Control"] == "no-store"
        assert examples.NUMBER not in (await desk.get("/orders/1042")).text


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "Your phone is not registered"), ("ru", "Ваш телефон не зарегистрирован")],
)
async def test_whose_phone_is_away_reads_so_above_the_queue(
    desk: Browser, daemon: ExampleDaemon, language: str, told: str
) -> None:
    daemon.me = examples.me().model_copy(update={"language": language})
    assert told not in (await desk.get("/")).text
    daemon.queue = examples.queue().model_copy(update={"phone_away": True})
    for page in ("/", "/queue", "/orders/1042"):
        assert told in (await desk.get(page)).text
