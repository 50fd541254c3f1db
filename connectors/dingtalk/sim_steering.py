"""What the contract suite does to records of the DingTalk simulator, stream by stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.dingtalk.sim_crm import TAGS

if TYPE_CHECKING:
    from connectors.dingtalk.simulator import DingTalkSimulator as Sim

KINDS = {"company": "crm_customer", "person": "crm_customer_personal", "contact": "crm_contact"}
NAMES = ("王小明", "欧阳远", "李静", "北辰", "顾小满")
DEPARTMENTS = ("销售一部", "销售二部", "客服部")


def make(sim: Sim, stream: str, i: int, at: int) -> str:
    """The i-th record of a stream, made at ``at`` (ms); its key."""
    if stream in KINDS:
        return sim.crm.add(KINDS[stream], _customer(sim, stream, i), at, **_rights(stream, i)).id
    if stream == "group":
        return sim.crm.add_group(f"客户群{i}", "u001", at)
    return {"staff": _staff, "external": _external, "label": _label, "crm_tag": _crm_tag, "deal": _deal}[stream](sim, i, at)


def _staff(sim: Sim, i: int, at: int) -> str:
    named = {item["name"]: key for key, item in sim.people.departments.items()}
    numbers = [named.get(name) or sim.people.add_department(name) for name in DEPARTMENTS]
    userid = f"staff{sim.people.number():06d}"
    departments = [numbers[i % 3], *([numbers[(i + 1) % 3]] if i % 4 == 0 else [])]
    sim.people.add_staff(userid, f"顾问{i + 1}", departments, mobile=f"1370000{i % 10000:04d}", email=f"{userid}@example.com")
    return userid


def _external(sim: Sim, i: int, at: int) -> str:
    labels = [label["id"] for group in sim.people.groups for label in group["labels"]][: i % 3]
    more: dict[str, Any] = {"label_ids": labels, "follower_user_id": "u001", "title": "采购经理" if i % 2 else ""}
    more |= {"company_name": f"远山{i}科技有限公司", "email": f"buyer{i}@example.com", "remark": "展会认识"}
    return sim.people.add_contact(f"{NAMES[i % 5]}{i}", f"1360000{i % 10000:04d}", **more)


def _label(sim: Sim, i: int, at: int) -> str:
    return str(sim.people.add_label(f"类型{i // 5 + 1}", f"标签{sim.people.number()}"))


def _crm_tag(sim: Sim, i: int, at: int) -> str:
    kind = tuple(TAGS)[i % 2]
    return f"{kind}/{TAGS[kind]}/{sim.crm.add_option(kind, f'标签{sim.people.number()}')}"


def _customer(sim: Sim, stream: str, i: int) -> dict[str, Any]:
    phone = f"1380000{i % 10000:04d}"
    if stream == "contact":
        lookup = '{"value":"[\\"远山科技有限公司\\"]","extendValue":"{\\"list\\":[{\\"instanceId\\":\\"INST-x\\"}]}"}'
        named = {"contact_name": f"{NAMES[i % 5]}{i}", "contact_phone": phone, "contact_position": ["采购"]}
        return {**named, "contact_related_customer": lookup}
    common: dict[str, Any] = {"customer_follow_up_status": "新获取", "address": "浙江省,杭州市,余杭区,文一西路969号"}
    common[TAGS[KINDS[stream]]] = ["高意向", "老客户"][: i % 3]
    if stream == "company":
        return {"customer_name": f"远山{i}科技有限公司", **common, "TextField-K2ABCDEF": "展会"}
    more = {
        "gender": "男",
        "birthday": "1990-01-01",
        "wechat": f"wx{i}",
        "qq": "",
        "email": f"p{i}@example.com",
        "identity": "业主",
    }
    return {"customer_name": f"{NAMES[i % 5]}{i}", "customer_phone": phone, **common, **more}


def _rights(stream: str, i: int) -> dict[str, Any]:
    phone = {"person": "customer_phone", "contact": "contact_phone"}.get(stream)
    extend = {phone: '{"countryCode":"+86"}'} if phone else {}
    return {"owners": ["u001"] if i % 5 else [], "participants": ["u002"], "extend": extend}


def _deal(sim: Sim, i: int, at: int) -> str:
    instance = sim.flow.start(f"{12800 + i}.50", f"远山{i}科技有限公司", at=at, phone=f"1350000{i % 10000:04d}")
    return sim.flow.finish(instance.id, at=at + 120_000).id


def touch(sim: Sim, stream: str, key: str) -> None:
    """Somebody edits the record now."""
    number = sim.people.number()
    if stream in KINDS:
        name = "contact_name" if stream == "contact" else "customer_name"
        sim.crm.edit(key, **{name: f"改名{number}"})
    elif stream == "staff":
        sim.people.staff[key]["title"] = f"职位{number}"
    elif stream == "group":
        sim.crm.groups[key]["name"] = f"改名{number}"
    elif stream == "external":
        sim.people.contacts[key]["remark"] = f"备注{number}"
    elif stream == "label":
        sim.people.label(int(key))["name"] = f"改名{number}"
    elif stream == "crm_tag":
        kind, _, option = key.split("/")
        sim.crm.options[kind][option] = f"改名{number}"
    else:
        sim.flow.instances[key].title = f"标题{number}"


def remove(sim: Sim, stream: str, key: str) -> None:
    """Somebody deletes the record."""
    if stream == "label":
        for group in sim.people.groups:
            group["labels"] = [label for label in group["labels"] if str(label["id"]) != key]
    elif stream == "crm_tag":
        kind, _, option = key.split("/")
        del sim.crm.options[kind][option]
    else:
        _table(sim, stream).pop(key)


def _table(sim: Sim, stream: str) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {
        "staff": sim.people.staff,
        "external": sim.people.contacts,
        "group": sim.crm.groups,
        "deal": sim.flow.instances,
    }
    return tables.get(stream, sim.crm.rows)


def spoil(sim: Sim, stream: str, key: str) -> None:
    """A value that its mapping must refuse."""
    if stream in KINDS:
        sim.crm.rows[key].extra["gmtCreate"] = "昨天"
        sim.crm.rows[key].extra["gmt_create"] = "昨天"
    elif stream in ("staff", "external"):
        _table(sim, stream)[key]["name"] = {"zh": "王"}
    elif stream == "group":
        sim.crm.groups[key]["gmtCreate"] = "昨天"
    elif stream == "label":
        sim.people.label(int(key))["name"] = ["标签"]
    elif stream == "crm_tag":
        kind, _, option = key.split("/")
        sim.crm.options[kind][option] = ["标签"]  # type: ignore[assignment]
    else:
        sim.flow.instances[key].form["合同金额"] = ("MoneyField", "一万二", None)


def more(sim: Sim, stream: str, key: str) -> dict[str, Any]:
    """Where a field that nobody knows is put."""
    if stream in ("staff", "external", "group"):
        found: dict[str, Any] = _table(sim, stream)[key]
        return found
    if stream == "label":
        return sim.people.label(int(key))
    if stream == "crm_tag":
        kind, _, option = key.split("/")
        return sim.crm.extra_options.setdefault((kind, option), {})
    item: Any = _table(sim, stream)[key]
    return item.extra  # type: ignore[no-any-return]


def event(sim: Sim, stream: str, key: str) -> tuple[str, dict[str, Any]]:
    """The event of an edit, or of the removal. Raises ValueError where the platform tells an internal app nothing."""
    if stream in KINDS:
        change = "update" if key in sim.crm.rows else "delete"
        fields = {"DataId": key, "DataType": "master", "ObjectType": KINDS[stream], "FormCode": "PROC-FORM-CRM"}
        return f"ding_paas_object_data_{change}", fields
    if stream == "staff":
        return ("user_modify_org" if key in sim.people.staff else "user_leave_org"), {"UserId": [key]}
    if stream == "group":
        change = "chat_update_title" if key in sim.crm.groups else "chat_disband"
        return change, {"ChatId": "chat1", "OpenConversationId": key, "Operator": "u001"}
    if stream == "deal":
        return "bpms_instance_change", approval(sim, key)
    raise ValueError("external contacts and labels send an internal app no events (docs: contact_modify_org is third-party)")


def approval(sim: Sim, key: str) -> dict[str, Any]:
    """The fields of bpms_instance_change as the approval stands."""
    item = sim.flow.instances[key]
    kind = {"RUNNING": "start", "COMPLETED": "finish", "TERMINATED": "terminate"}[item.status]
    fields: dict[str, Any] = {"processInstanceId": item.id, "processCode": item.code, "businessId": item.business_id}
    fields |= {"title": item.title, "type": kind, "createTime": item.created, "staffId": item.originator, "bizCategoryId": ""}
    return fields | ({"finishTime": item.finished} if item.finished else {}) | ({"result": item.result} if item.result else {})
