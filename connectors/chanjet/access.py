"""Getting a token: three ways in, of which two change their own credentials. (docs: open.chanjet.com, app_settled_auth, oauth2)

Store applications exchange a code, good once, for a token and a refresh token; each refresh kills the token at once and answers
with the next refresh token. With the codes that never end, one of the company and one of the user, there is a second way
that needs neither, of 1000 tokens a day; it is taken when the first is dead. Self-built applications give their certificate and
the ticket that the platform pushes every few minutes.
"""

from __future__ import annotations

from typing import Any

from connectors import errors
from connectors.base import Connector, Request, Token
from connectors.chanjet.config import ChanjetConfig

RENEW = 0.5
"""The share of a token's life after which it is renewed though nobody needs it."""
LIFE = 6 * 86400.0
"""Seconds that a token lives where the answer does not say. (docs: app_settled_auth)"""
CODE, REFRESH, TICKET = "authorization_code", "refresh_token", "app_ticket"
TEMPORARY, COMPANY, USER = "temp_auth_code", "company_code", "user_code"


def token(connector: Connector, config: ChanjetConfig) -> Token:
    """A fresh token by the way that is open."""
    return _self_built(connector, config) if config.app_type == "self_built" else _store(connector, config)


def _self_built(connector: Connector, config: ChanjetConfig) -> Token:
    body = {"appTicket": _ticket(connector), "certificate": config.certificate}
    answer = _post(connector, "v1/common/auth/selfBuiltApp/generateToken", body)
    value = answer.get("value") or {}
    if not value.get("accessToken"):
        raise errors.UnknownAnswer("chanjet.unreadable")
    life = float(value.get("expiresIn") or LIFE)
    return Token(str(value["accessToken"]), life)


def _store(connector: Connector, config: ChanjetConfig) -> Token:
    kept = connector.kept
    _company_code(connector)
    if config.authorization_code and config.authorization_code != kept.value(CODE):
        kept.spend(CODE)
        query = {"grantType": "authorization_code", "redirectUri": config.redirect_uri, "code": config.authorization_code}
        result = _get(connector, "auth/v2/getToken", config, query)
        return _token(result, **{CODE: config.authorization_code, USER: str(result.get("user_auth_permanent_code") or "")})
    if not kept.value(REFRESH):
        return _silent(connector, None)
    query = {"grantType": "refresh_token", "refreshToken": kept.spend(REFRESH)}
    try:
        return _token(_get(connector, "auth/v2/refreshToken", config, query))
    except errors.ReauthNeeded as refusal:
        return _silent(connector, refusal)


def _company_code(connector: Connector) -> None:
    """Exchange the temporary code that was pushed, if there is one, for the company's permanent code. It is good once."""
    kept = connector.kept
    if not kept.value(TEMPORARY) or not kept.value(TICKET):
        return
    application = _application(connector)
    body = {"tempAuthCode": kept.spend(TEMPORARY), "appAccessToken": application}
    try:
        result = _post(connector, "auth/orgAuth/getPermanentAuthCode", body)["result"]
    except errors.ReauthNeeded:
        kept.keep(**{TEMPORARY: ""})  # too late, or used: the other ways may still be open
        return
    kept.keep(**{TEMPORARY: "", COMPANY: str(result["permanentAuthCode"])})


def _silent(connector: Connector, refusal: errors.ReauthNeeded | None) -> Token:
    """A token by the codes that do not end. Raises the refusal of the refresh token, or that a person must authorise."""
    kept = connector.kept
    company, user = kept.value(COMPANY), kept.value(USER)
    if not company or not user or not kept.value(TICKET):
        raise refusal or errors.ReauthNeeded("chanjet.authorise")
    body = {"permanentAuthCode": company, "appAccessToken": _application(connector)}
    organisation = _post(connector, "auth/orgAuth/getOrgAccessToken", body)["result"]["orgAccessToken"]
    body = {"orgAccessToken": organisation, "userAuthPermanentCode": user}
    return _token(_post(connector, "auth/token/getTokenByPermanentCode", body)["result"])


def _application(connector: Connector) -> str:
    body = {"appTicket": _ticket(connector)}
    return str(_post(connector, "auth/appAuth/getAppAccessToken", body)["result"]["appAccessToken"])


def _ticket(connector: Connector) -> str:
    """The newest ticket. Without one the platform is asked to push it again, and the call is to come back."""
    found = connector.kept.value(TICKET)
    if not found:
        _post(connector, "auth/appTicket/resend", {})
        raise errors.Unavailable("chanjet.no_ticket")
    return found


def _token(result: dict[str, Any], **keep: str) -> Token:
    if not result.get("access_token"):
        raise errors.UnknownAnswer("chanjet.unreadable")
    life = float(result.get("expires_in") or LIFE)
    kept = {name: value for name, value in keep.items() if value}
    if result.get("refresh_token"):
        kept[REFRESH] = str(result["refresh_token"])
    extra = {"sid": str(result["sid"])} if result.get("sid") else {}
    return Token(str(result["access_token"]), life, extra, keep=kept, renew_in=life * RENEW)


def _get(connector: Connector, path: str, config: ChanjetConfig, query: dict[str, str]) -> dict[str, Any]:
    """An exchange that uses a credential up: sent once."""
    request = Request("GET", path, query={"appKey": config.app_key, **query}, auth=False, write=True, name=f"/{path}")
    result = connector.http.call(request).get("result")
    if not isinstance(result, dict):
        raise errors.UnknownAnswer("chanjet.unreadable")
    return result


def _post(connector: Connector, path: str, body: dict[str, str]) -> dict[str, Any]:
    once = path.endswith("getPermanentAuthCode")
    answer = connector.http.call(Request("POST", path, json=body, auth=False, write=once, name=f"/{path}"))
    return dict(answer)
