"""The plan, made of a snapshot and answers alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pbx_trees import VANILLA, tree

from bridge.config import config_of
from bridge.install.answers import Answers
from bridge.install.errors import CannotPlan
from bridge.install.found import Found, Owner
from bridge.install.look import look
from bridge.install.plan import Change, Secrets, plan

ANSWERS = Answers(
    shop_name="Shop",
    country="GB",
    timezone="Europe/London",
    language="en",
    shop_number="+442079460000",
    managers=("101",),
    trunk=None,
    carrier="192.0.2.10",
    carrier_user=None,
)
SECRETS = Secrets("ari-secret", "secret-of-ami", "ring-secret", {"101": "sip-secret"}, None)


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return look(tree(tmp_path, VANILLA), Path("/etc/asterisk"), Path("/etc/call-bridge/config.yaml"))


def by_name(found: Found, answers: Answers = ANSWERS) -> dict[str, Change]:
    return {change.path.name: change for change in plan(found, answers, SECRETS).changes}


def test_units_run_the_program_that_init_was_run_with(found: Found) -> None:
    program = Path("/srv/telephony/bin/call-bridge")
    unit = by_name(replace(found, program=program))["call-bridge.service"].content.decode()
    assert f"ExecStart={program} --config" in unit
    assert "/opt/call-bridge" not in unit


def test_a_program_in_a_home_folder_is_refused_since_services_do_not_see_it(found: Found) -> None:
    with pytest.raises(CannotPlan, match="home folder"):
        plan(replace(found, program=Path("/home/anna/.local/bin/call-bridge")), ANSWERS, SECRETS)


def test_units_of_a_package_are_left_to_it(found: Found) -> None:
    names = {Path(name).name for name in found.shipped if name.startswith("units/")}
    assert names & set(by_name(replace(found, units_elsewhere=frozenset(names)))) == set()


def test_includes_come_last_so_that_none_leads_nowhere(found: Found) -> None:
    with_line = [change.line is not None for change in plan(found, ANSWERS, SECRETS).changes]
    assert with_line == sorted(with_line)
    assert sum(with_line) == 4


def test_secrets_are_in_secret_files_alone_and_never_in_a_text_of_the_plan(found: Found) -> None:
    made = plan(found, ANSWERS, SECRETS)
    for change in made.changes:
        holds_one = any(secret in change.content for secret in (b"ari-secret", b"ring-secret", b"sip-secret"))
        assert holds_one == change.secret, change.path
    assert "-secret" not in repr(made) + repr(SECRETS)


def test_asterisks_group_may_read_what_asterisk_includes_and_the_daemon_owns_its_own(found: Found) -> None:
    changes = by_name(replace(found, asterisk=Owner(5, 6), daemon=Owner(7, 8), root=Owner(0, 0)))
    assert changes["ari-password.conf"].owner == Owner(0, 6)
    assert changes["keys"].owner == changes["ari-password"].owner == Owner(7, 8)
    assert changes["config.yaml"].owner == Owner(0, 0)


def test_two_passwords_that_differ_are_brought_in_step_by_asterisks(found: Found) -> None:
    files = {
        found.places.ours / "ari-password.conf": b"password=the-true-one\n",
        found.places.ari_password: b"an-old-one\n",
    }
    changes = by_name(replace(found, files={**found.files, **files}))
    assert "ari-password.conf" not in changes
    assert changes["ari-password"].content == b"the-true-one\n"


def test_a_configuration_that_is_there_has_its_way(found: Found, tmp_path: Path) -> None:
    text = by_name(found)["config.yaml"].content.decode()
    config = config_of(text.replace("ari_user: call-bridge", "ari_user: masked"), tmp_path / "config.yaml")
    changes = {
        change.path: change for change in plan(replace(found, config=config), ANSWERS, SECRETS).changes
    }
    assert b"[masked]" in changes[found.places.ours / "ari.conf"].content
    assert found.places.config not in changes
