"""The APIs of the message service: who is let in, which group a shop's messages go to, taking and confirming them.

(docs: apiId 21986, 21985 and the pages of taobao.tmc.user.* and taobao.tmc.group.add)
"""

from __future__ import annotations

import json
from typing import Any

from connectors.taobao.sim_access import Session
from connectors.taobao.sim_api import Api, Method, Params, number_of, words
from connectors.taobao.sim_protocol import TopError, invalid
from connectors.taobao.sim_store import text_of
from connectors.taobao.sim_tmc import DEFAULT, Message

LONGEST, MOST = 32, 200
USER = words("user_nick user_id user_platform is_valid created modified topics group_name")
SELLER_ID = 263685215


def permit(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.tmc.user.permit: messages of this shop go into the application's queue from now on."""
    if session is not None:
        api.tmc.permitted.add(session.shop)
    return {"is_success": True}


def user(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.tmc.user.get: ``topics`` must be among the fields. What is said of an unknown shop is not documented."""
    fields, nick = set(params["fields"].split(",")), params["nick"]
    if "topics" not in fields or not fields <= USER:
        raise invalid("fields")
    if nick not in api.tmc.permitted:
        return {}
    known: dict[str, Any] = {"user_nick": nick, "user_id": SELLER_ID, "user_platform": "tbUIC", "topics": {"string": []}}
    known |= {"is_valid": nick not in api.tmc.expired, "group_name": api.tmc.groups.get(nick, DEFAULT)}
    return {"tmc_user": {name: value for name, value in known.items() if name in fields}}


def group_add(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.tmc.group.add: permitted shops go into a group; names that begin like the platform's own are refused."""
    group = params["group_name"]
    if len(group) > LONGEST or group.startswith(DEFAULT):
        raise invalid("group_name")
    nicks = params["nicks"].split(",")
    if not set(nicks) <= api.tmc.permitted:
        raise TopError(15, "isv.user-not-exist:invalid-nick", "user is not permitted")
    api.tmc.groups.update(dict.fromkeys(nicks, group))
    return {"group_name": group, "created": text_of(api.now().replace(microsecond=0))}


def consume(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.tmc.messages.consume: what is due now; an empty list is an absent key."""
    found = api.tmc.take(_group(api, params), number_of(params, "quantity", 10, MOST, 100))
    return {"messages": {"tmc_message": [_shown(message) for message in found]}} if found else {}


def confirm(api: Api, params: Params, session: Session | None) -> dict[str, Any]:
    """taobao.tmc.messages.confirm: at most 200 ids."""
    numbers = params["s_message_ids"].split(",")
    if len(numbers) > MOST or not all(number.isdecimal() for number in numbers):
        raise invalid("s_message_ids")
    api.tmc.confirm([int(number) for number in numbers], _group(api, params))
    return {"is_success": True}


def _group(api: Api, params: Params) -> str:
    """The group that is meant; none names the platform's own. One that the application does not have is an error."""
    group = params.get("group_name", "")
    if group and group not in api.tmc.groups.values():
        raise invalid("group_name", "group not exist")
    return group or DEFAULT


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "topic": message.topic,
        "user_id": SELLER_ID,
        "user_nick": message.nick,
        "content": json.dumps(message.content, ensure_ascii=False),
        "pub_time": message.published(),
        "pub_app_key": "12497914",
    }


METHODS = {
    "taobao.tmc.user.permit": Method(permit, words("topics"), package="message"),
    "taobao.tmc.user.get": Method(user, words("fields nick user_platform"), words("fields nick"), "message", session=False),
    "taobao.tmc.group.add": Method(
        group_add, words("group_name nicks user_platform"), words("group_name nicks"), "message", session=False
    ),
    "taobao.tmc.messages.consume": Method(consume, words("group_name quantity"), package="message", session=False),
    "taobao.tmc.messages.confirm": Method(
        confirm, words("group_name s_message_ids f_message_ids"), words("s_message_ids"), "message", session=False
    ),
}
