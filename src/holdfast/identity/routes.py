"""Routes of signing in: ``POST /auth/token`` and ``GET /auth/me``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import NotSignedIn
from holdfast.http.openapi import problem
from holdfast.http.principal import Principal, public, signed_in
from holdfast.http.problems import UnsupportedMediaType
from holdfast.http.text import PlainText
from holdfast.identity.access import Access

router = APIRouter(prefix="/auth", tags=["auth"])
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_Name = Annotated[PlainText, Field(min_length=1, max_length=254, description="Username or e-mail address.")]
_Password = Annotated[PlainText, Field(min_length=1, max_length=1024)]


class Credentials(BaseModel):
    """A name or an e-mail address, and the password."""

    model_config = ConfigDict(extra="forbid")

    username: _Name
    password: _Password


class PasswordGrant(BaseModel):
    """The form of OAuth 2's password grant (RFC 6749, 4.3.2), whose ``grant_type`` may be left out."""

    grant_type: Literal["password"] = "password"
    username: _Name
    password: _Password


class AccessToken(BaseModel):
    """An access token, as OAuth 2 answers it; ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  OAuth 2's word for the kind of token
    expires_in: int


class Me(BaseModel):
    """Who is signed in, and what they may do."""

    id: str
    username: str
    email: str
    is_administrator: bool
    permissions: list[str]
    created_at: datetime
    last_login_at: datetime | None


@router.post(
    "/token",
    summary="Sign in",
    dependencies=[Depends(public)],
    responses={
        401: problem("The username or the password is wrong."),
        415: problem("Neither JSON nor a form."),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _JSON: {"schema": Credentials.model_json_schema()},
                _FORM: {"schema": PasswordGrant.model_json_schema()},
            },
        }
    },
)
async def sign_in(request: Request) -> AccessToken:
    """Return an access token for a username or e-mail address and its password.

    The body is JSON, or the form of OAuth 2's password grant. A wrong password and an unknown name are
    answered alike.
    """
    credentials = await _credentials(request)
    access: Access = request.app.state.access
    issued = await access.sign_in(credentials.username, credentials.password)
    return AccessToken(access_token=issued.access_token, expires_in=issued.expires_in)


@router.get("/me", summary="Who am I")
async def me(request: Request, principal: Annotated[Principal, Depends(signed_in)]) -> Me:
    """Return who is signed in and what they may do."""
    access: Access = request.app.state.access
    user = await access.user(principal.user_id)
    if user is None:
        raise NotSignedIn("The user does not exist any more.")
    return Me(
        id=user.id,
        username=user.username,
        email=user.email,
        is_administrator=user.is_administrator,
        permissions=sorted(principal.permissions),
        created_at=user.created_at,
        last_login_at=user.last_login_at,
    )


async def _credentials(request: Request) -> Credentials | PasswordGrant:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == _JSON:
            return Credentials.model_validate_json(await request.body())
        if kind == _FORM:
            return PasswordGrant.model_validate(dict(await request.form()))
    except ValidationError as error:
        faults: list[Any] = [
            {**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_input=False)
        ]
        raise RequestValidationError(faults) from error
    raise UnsupportedMediaType(
        "The credentials are neither JSON nor a form.", hint=f"Send them as {_JSON} or {_FORM}."
    )
