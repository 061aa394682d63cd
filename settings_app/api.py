"""Settings, the Hub token and the API key for scripts. The token itself is in no answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import BaseModel, Field, SecretStr, create_model

from activity.schemas import Problem
from settings_app import api_key, hub_token, preferences
from settings_app.fields import RawValue
from settings_app.hub_token import BadToken
from settings_app.models import HF_TOKEN, SECRET_KEYS
from settings_app.whoami import HubUnreachable, InvalidToken

router = Router(tags=["settings"])


_ANSWER: dict[str, Any] = {key: preference.field.value_type for key, preference in preferences.PREFERENCES.items()}
_ANSWER |= {"hf_token_set": bool, "hf_token_source": Literal["stored", "env", ""]}
_ANSWER |= {"sources": dict[str, preferences.Source]}
Settings = create_model("Settings", __base__=Schema, **_ANSWER)


# Bodies are plain pydantic models: a ninja Schema of optional fields would take any JSON, a list too.
class Change(BaseModel):
    # Shown in the document, checked by preferences, whose sentences say more.
    key: str = Field(json_schema_extra={"enum": list(preferences.PREFERENCES)})
    value: RawValue


class Changed(Schema):
    status: Literal["ok"] = "ok"
    key: str


class Token(BaseModel):
    token: SecretStr = Field(json_schema_extra={"pattern": hub_token.LOOKS_RIGHT.pattern})


class TokenToTest(BaseModel):
    token: SecretStr | None = None


class Done(Schema):
    status: Literal["ok"] = "ok"


class Said(Done):
    message: str


class ValidToken(Schema):
    valid: Literal[True] = True
    username: str
    role: str


class NoValidToken(Schema):
    valid: Literal[False] = False
    error: str


class KeyStatus(Schema):
    set: bool
    created_at: datetime | None


class NewKey(Schema):
    key: str


@router.get("", response=Settings, summary="Every setting and where its value comes from")
def read(request: HttpRequest) -> dict[str, Any]:
    source = hub_token.hub_token_source()
    return {
        **{key: preferences.get(key) for key in preferences.PREFERENCES},
        "hf_token_set": bool(source),
        "hf_token_source": source,
        "sources": {key: preferences.source(key) for key in preferences.PREFERENCES},
    }


@router.patch("", response={200: Changed, 400: Problem, 409: Problem}, summary="Change one setting")
def change(request: HttpRequest, change: Change) -> Changed:
    if change.key in SECRET_KEYS:
        call = "hf-token" if change.key == HF_TOKEN else "api-key"
        raise HttpError(400, f"“{change.key}” has its own call: POST /api/settings/{call}.")
    try:
        preferences.store(change.key, change.value)
    except preferences.DecidedByEnvironment as refusal:
        raise HttpError(409, str(refusal)) from refusal
    except preferences.PreferenceError as refusal:
        raise HttpError(400, str(refusal)) from refusal
    return Changed(key=change.key)


@router.post("/hf-token", response={200: Said, 400: Problem}, summary="Save the Hugging Face token")
def save_token(request: HttpRequest, body: Token) -> Said:
    try:
        hub_token.save_token(body.token.get_secret_value())
    except BadToken as refusal:
        raise HttpError(400, str(refusal)) from refusal
    return Said(message="The token is saved. Installs that waited for it start by themselves.")


@router.post(
    "/hf-token/validate",
    response={200: ValidToken | NoValidToken, 400: Problem, 503: Problem},
    summary="Ask the Hub whose token it is; one in the body is tested without being stored",
)
def validate_token(request: HttpRequest, body: TokenToTest | None = None) -> ValidToken | NoValidToken:
    given = body.token if body else None
    try:
        identity = hub_token.validate_token(given.get_secret_value() if given else hub_token.hub_token())
    except (BadToken, InvalidToken) as refusal:
        return NoValidToken(error=str(refusal))
    except HubUnreachable as refusal:
        raise HttpError(503, str(refusal)) from refusal
    return ValidToken(username=identity.username, role=identity.role)


@router.delete("/hf-token", response=Said, summary="Forget the stored Hugging Face token")
def delete_token(request: HttpRequest) -> Said:
    deleted = hub_token.delete_token()
    fallback = " HF_TOKEN is used again." if hub_token.hub_token_source() == "env" else ""
    return Said(message=("The token is deleted." if deleted else "There was no stored token.") + fallback)


@router.get("/api-key", response=KeyStatus, summary="Whether there is an API key")
def read_key(request: HttpRequest) -> KeyStatus:
    status = api_key.status()
    return KeyStatus(set=status.is_set, created_at=status.created_at)


@router.post("/api-key", response={200: NewKey, 409: Problem}, summary="Make a new API key; the old one ends")
def create_key(request: HttpRequest) -> NewKey:
    try:
        return NewKey(key=api_key.create())
    except preferences.DecidedByEnvironment as refusal:
        raise HttpError(409, str(refusal)) from refusal


@router.delete("/api-key", response={200: Done, 409: Problem}, summary="End the API key")
def delete_key(request: HttpRequest) -> Done:
    try:
        api_key.delete()
    except preferences.DecidedByEnvironment as refusal:
        raise HttpError(409, str(refusal)) from refusal
    return Done()
