"""The tables, one file per subject."""

from hub.models.account import Account, AccountStream, AccountToken, CallCount, Listening
from hub.models.audit import AuditEntry
from hub.models.base import Model
from hub.models.chat import ChatGroup, Consent, GroupMember, Message
from hub.models.chat_tag import ChatHit, ChatRule, ChatTag
from hub.models.customer import Customer, CustomerAlias, IdentityKey, Profile, SearchToken
from hub.models.deal import Deal, DealLine
from hub.models.delivery import Delivery, DeliveryAttempt
from hub.models.event import Event, SettlementItem
from hub.models.followed import DocumentStatus, InvoiceFill
from hub.models.golden import Bookmark, ManualValue, OwnerCheck, OwnerConflict
from hub.models.handover import Handover, Orphan, OrphanLook
from hub.models.identity import (
    BlockKey,
    IdentityCount,
    IdentityDecision,
    IdentityModel,
    IdentityRedo,
    IdentityRelation,
    IdentityReview,
)
from hub.models.inbox import Inbox, PushCounter
from hub.models.invoice import InvoiceApplication, InvoiceApplicationLine
from hub.models.ledger import LedgerEntry
from hub.models.order import Order, OrderLine, Refund
from hub.models.people import SignInState, StaffNotice, TagWrite, UserLink
from hub.models.record import Quarantined, SourceRecord, WalkSeen
from hub.models.run import Run
from hub.models.staff import Staff
from hub.models.tag import Tag, TagAssignment
from hub.models.user import Role, RoleUser, User

__all__ = [
    "Account", "AccountStream", "AccountToken", "AuditEntry", "BlockKey", "Bookmark", "CallCount", "ChatGroup", "ChatHit",
    "ChatRule", "ChatTag", "Consent", "Customer", "CustomerAlias", "Deal", "DealLine", "Delivery", "DeliveryAttempt",
    "DocumentStatus", "Event", "GroupMember", "Handover", "IdentityCount", "IdentityDecision", "IdentityKey", "IdentityModel",
    "IdentityRedo", "IdentityRelation", "IdentityReview", "Inbox", "InvoiceApplication", "InvoiceApplicationLine",
    "InvoiceFill", "LedgerEntry", "Listening", "ManualValue", "Message", "Model", "Order", "OrderLine", "Orphan",
    "OrphanLook", "OwnerCheck", "OwnerConflict", "Profile", "PushCounter", "Quarantined", "Refund", "Role", "RoleUser", "Run",
    "SearchToken", "SettlementItem", "SignInState", "SourceRecord", "Staff", "StaffNotice", "Tag", "TagAssignment",
    "TagWrite", "User", "UserLink", "WalkSeen",
]  # fmt: skip
