"""Logs hold what is on the list, and nothing of what other libraries say."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from bridge.logs import errors, set_up_logs

NUMBER = "+447700900123"


@pytest.fixture(autouse=True)
def _own_logging() -> object:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def test_a_field_that_is_not_on_the_list_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("debug", "json")
    structlog.get_logger().info("dialling", call="xyz", number=NUMBER, exc_info=ValueError(NUMBER))
    logged = json.loads(capsys.readouterr().err)
    assert logged["call"] == "xyz"
    assert NUMBER not in json.dumps(logged)


def test_a_librarys_message_is_dropped_and_its_error_named(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("debug", "json")
    try:
        raise ConnectionError(NUMBER)
    except ConnectionError:
        logging.getLogger("aiohttp.client").exception("could not send %s", NUMBER)
    logged = json.loads(capsys.readouterr().err)
    assert (logged["logger"], logged["error"]) == ("aiohttp.client", "ConnectionError")
    assert NUMBER not in json.dumps(logged)


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("warning", "console")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert "quiet" not in (said := capsys.readouterr().err)
    assert "loud" in said


def test_a_logger_in_use_follows_a_change_of_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("warning", "json")
    logger = structlog.get_logger()
    logger.info("quiet")
    set_up_logs("info", "json")
    logger.info("loud")
    said = capsys.readouterr().err
    assert "quiet" not in said
    assert "loud" in said


def test_the_latest_error_is_kept_without_fields_that_are_not_listed() -> None:
    set_up_logs("info", "json")
    structlog.get_logger().error("the database failed", error="OperationalError", number=NUMBER)
    structlog.get_logger().warning("nothing much")
    assert errors.latest is not None
    assert (errors.latest.event, errors.latest.error) == ("the database failed", "OperationalError")
    assert NUMBER not in repr(errors.latest)
