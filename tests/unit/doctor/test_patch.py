"""The patch proposes one line for one fault, in files written by hand alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from doctor_facts import facts_of

from bridge.doctor.examine import examine
from bridge.doctor.patch import custom_file, elsewhere, patch_of


@pytest.mark.parametrize(
    ("generated", "custom"),
    [
        ("pjsip.endpoint.conf", "pjsip.endpoint_custom_post.conf"),
        ("pjsip.aor.conf", "pjsip.aor_custom_post.conf"),
        ("extensions_additional.conf", "extensions_custom.conf"),
        ("modules.conf", "the settings of the program that writes modules.conf"),
    ],
)
def test_freepbx_has_a_custom_file_for_most_of_its_own(generated: str, custom: str) -> None:
    assert custom_file(Path("/etc/asterisk", generated)) == custom


def test_a_wrong_line_is_replaced_and_a_missing_one_added_below_the_heading(tmp_path: Path) -> None:
    text = "[general]\nenable=yes\n"
    findings = examine(facts_of(tmp_path, {"cdr.conf": text, "features.conf": "[general]\n[featuremap]\n"}))
    patch = patch_of(findings)
    assert f"+++ {tmp_path}/cdr.conf\n@@ -2 +2 @@\n-enable=yes\n+enable=no\n" in patch
    assert f"+++ {tmp_path}/features.conf\n@@ -1,0 +2 @@\n+pickupexten=\n" in patch


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    patch = patch_of(examine(facts_of(tmp_path, {"pjsip.conf": ""})))
    assert f"--- /dev/null\n+++ {tmp_path}/cdr.conf\n@@ -0,0 +1,2 @@\n+[general]\n+enable=no\n" in patch


def test_missing_lines_of_one_missing_section_go_under_one_heading(tmp_path: Path) -> None:
    patch = patch_of(examine(facts_of(tmp_path, {"features.conf": "[general]\npickupexten=\n"})))
    assert "@@ -2,0 +3,3 @@\n+[featuremap]\n+blindxfer=\n+disconnect=\n" in patch


def test_where_the_patch_was_applied_there_is_no_more_to_propose(tmp_path: Path) -> None:
    if shutil.which("patch") is None:
        pytest.skip("patch(1) is not on this machine")
    patch = patch_of(examine(facts_of(tmp_path, {"pjsip.conf": ""})))
    subprocess.run(
        ["patch", "-p0", "--force", "-d/"], input=patch, text=True, check=True, capture_output=True
    )
    assert patch_of(examine(facts_of(tmp_path, {}))) == ""


def test_the_lines_around_a_change_are_not_shown(tmp_path: Path) -> None:
    text = "[general]\nenabled=yes\n[watcher]\nsecret=Xk2mPq9vLr4tYw7z\nwrite=all\npermit=127.0.0.1\n"
    patch = patch_of(examine(facts_of(tmp_path, {"manager.conf": text})))
    assert "-write=all" in patch
    assert "Xk2mPq9vLr4tYw7z" not in patch


def test_a_generated_file_is_not_patched(tmp_path: Path) -> None:
    text = "; auto-generated\n[general]\nenable=yes\n"
    findings = [
        each for each in examine(facts_of(tmp_path, {"cdr.conf": text})) if each.check.id == "cdr-enabled"
    ]
    assert patch_of(findings) == ""
    assert [other.lines for other in elsewhere(findings)] == [("[general](+)", "enable=no")]
