"""The paths of the WeCom simulator: which method, which parameters, which right, and the lists that errors carry too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.wecom.sim_api import Answer
from connectors.wecom.sim_gate import App
from connectors.wecom.sim_handing import Transfers
from connectors.wecom.sim_people import BODIES, OPTIONS

if TYPE_CHECKING:
    from connectors.wecom.simulator import WeComSimulator

APPROVALS = frozenset({"starttime", "endtime", "new_cursor", "size", "filters"})
MESSAGE = frozenset(OPTIONS | set(BODIES))


@dataclass(frozen=True)
class Path:
    """An API path. empty: the default lists that error answers carry too. params: all names it knows."""

    method: str
    answer: Callable[[App, Mapping[str, Any]], Answer]
    params: frozenset[str] = frozenset()
    empty: Answer = field(default_factory=dict)
    right: str = "customer_contact"


def paths(sim: WeComSimulator) -> dict[str, Path]:
    """All paths below /cgi-bin/ but gettoken."""
    api, contact = sim.api, "externalcontact/"
    user = frozenset({"userid"})
    batch = frozenset({"userid_list", "cursor", "limit"})
    follow: Answer = {"follow_user": []}
    tags = Path("POST", api.get_corp_tag_list, frozenset({"tag_id", "group_id"}), {"tag_group": []})
    return {
        contact + "get_follow_user_list": Path("GET", api.get_follow_user_list, empty=follow),
        contact + "list": Path("GET", api.list, user, {"external_userid": []}),
        contact + "get": Path("GET", api.get, frozenset({"external_userid", "cursor"}), follow),
        contact + "batch/get_by_user": Path("POST", api.get_by_user, batch, {"external_contact_list": []}),
        contact + "get_corp_tag_list": tags,
        contact + "groupchat/list": Path(
            "POST",
            sim.chats.list,
            frozenset({"status_filter", "owner_filter", "cursor", "limit"}),
            {"group_chat_list": []},
        ),
        contact + "groupchat/get": Path("POST", sim.chats.get, frozenset({"chat_id", "need_name"})),
        contact + "mark_tag": Path(
            "POST", sim.desk.mark_tag, frozenset({"userid", "external_userid", "add_tag", "remove_tag"})
        ),
        **_handing(sim.transfers),
        "message/send": Path("POST", sim.desk.send, MESSAGE, right="directory"),
        "auth/getuserinfo": Path("GET", sim.desk.getuserinfo, frozenset({"code"}), right="directory"),
        "oa/getapprovalinfo": Path("POST", sim.approvals.info, APPROVALS, {"sp_no_list": []}, "directory"),
        "oa/getapprovaldetail": Path("POST", sim.approvals.detail, frozenset({"sp_no"}), right="directory"),
        "oa/gettemplatedetail": Path("POST", sim.approvals.template, frozenset({"template_id"}), right="directory"),
        "user/get": Path("GET", api.user, user, right="directory"),
        "user/simplelist": Path(
            "GET", api.simplelist, frozenset({"department_id", "fetch_child", "status"}), right="directory"
        ),
        "get_api_domain_ip": Path("GET", api.addresses, empty={"ip_list": []}, right=""),
        "getcallbackip": Path("GET", api.addresses, empty={"ip_list": []}, right=""),
    }


def _handing(transfers: Transfers) -> dict[str, Path]:
    given = frozenset({"handover_userid", "takeover_userid", "external_userid"})
    asked = frozenset({"handover_userid", "takeover_userid", "cursor"})
    none: Answer = {"customer": []}
    found = {
        "get_unassigned_list": Path(
            "POST", transfers.unassigned, frozenset({"cursor", "page_id", "page_size"}), {"info": [], "is_last": False}
        ),
        "transfer_customer": Path("POST", transfers.transfer, given | {"transfer_success_msg"}, none),
        "resigned/transfer_customer": Path("POST", transfers.resigned, given, none),
        "transfer_result": Path("POST", transfers.result, asked, none),
        "resigned/transfer_result": Path("POST", transfers.resigned_result, asked, none),
        "groupchat/transfer": Path("POST", transfers.give_groups, frozenset({"chat_id_list", "new_owner"})),
    }
    return {f"externalcontact/{name}": path for name, path in found.items()}
