import ast
import subprocess
import sys

import pytest

from labkit import environment
from labkit.errors import LabError
from labkit.places import SCRIPTS

LOADED_BEFORE_THE_PYTHON_IS_KNOWN = ["__init__", "environment", "errors", "locks", "places", "progress"]


@pytest.mark.parametrize("module", LOADED_BEFORE_THE_PYTHON_IS_KNOWN)
def test_an_old_python_can_read_the_module_that_tells_it_so(module):
    ast.parse((SCRIPTS / "labkit" / f"{module}.py").read_text(), feature_version=(3, 8))


def test_nothing_but_the_standard_library_is_needed_to_begin():
    program = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import labkit.environment; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    ours = {name.removeprefix("labkit.") for name in done.stdout.split() if name.startswith("labkit.")}
    assert ours <= set(LOADED_BEFORE_THE_PYTHON_IS_KNOWN)


def test_a_python_that_is_too_old_is_told_from_a_new_one(monkeypatch):
    monkeypatch.setattr(environment, "_python_version", lambda _: "3.9")
    with pytest.raises(LabError, match=r"3\.11 or newer is needed"):
        environment.find_python()


def test_a_missing_venv_module_is_answered_with_what_to_install():
    output = "The virtual environment was not created successfully because ensurepip is not\navailable."
    assert "apt install python3.11-venv" in environment._why_no_venv(output, "3.11")


def test_a_half_removed_environment_does_not_pass_for_one(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "VENV_PYTHON", tmp_path / "bin" / "python")
    assert environment._venv_version() == ""
    (tmp_path / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
    assert environment._venv_version() == "{}.{}".format(*sys.version_info)
