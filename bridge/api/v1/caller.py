"""The program behind a request, and what its token is good for."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from fastapi import Request

from bridge.api.problems import Problem
from bridge.rules.scopes import Scope
from bridge.store.api_tokens import ApiToken


def allowed(scope: Scope) -> Callable[[Request], ApiToken]:
    """FastAPI's dependency: the token, if it has this scope. Raises Problem (403 out-of-scope)."""

    def token(request: Request) -> ApiToken:
        caller = cast(ApiToken, request.state.token)
        if scope not in caller.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, "out-of-scope", f"The token lacks the scope {scope}.")
        return caller

    return token
