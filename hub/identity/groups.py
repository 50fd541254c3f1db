"""Groups of profiles and customers that belong together: union-find that refuses what must stay apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two nodes were joined: the kind of key, and the profile on the other side."""

    kind: str
    profile: str


@dataclass
class Groups:
    """Nodes are customer ids and refs of profiles without customer. forbidden: pairs that a person has parted.

    codes: valid credit codes (blind) of a node; two groups with different ones are two legal units.
    """

    forbidden: set[frozenset[str]] = field(default_factory=set)
    codes: dict[str, set[bytes]] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    _parent: dict[str, str] = field(default_factory=dict)
    _members: dict[str, set[str]] = field(default_factory=dict)

    def root(self, node: str) -> str:
        """The group's representative."""
        parent = self._parent.get(node, node)
        if parent == node:
            return node
        self._parent[node] = found = self.root(parent)
        return found

    def members(self, node: str) -> set[str]:
        """All nodes of the group."""
        return self._members.get(self.root(node), {node})

    def join(self, a: str, b: str, reason_a: Reason, reason_b: Reason) -> bool:
        """Put two nodes into one group, unless something forbids it; reason_x: why x belongs to the other."""
        root_a, root_b = self.root(a), self.root(b)
        if root_a == root_b:
            return True
        members_a, members_b = self.members(a), self.members(b)
        if self.forbidden and any(frozenset((x, y)) in self.forbidden for x in members_a for y in members_b):
            return False
        codes_a, codes_b = self._codes(members_a), self._codes(members_b)
        if codes_a and codes_b and not codes_a & codes_b:
            return False
        self.reasons.setdefault(a, reason_a)
        self.reasons.setdefault(b, reason_b)
        self._parent[root_b] = root_a
        self._members[root_a] = members_a | members_b
        self._members.pop(root_b, None)
        return True

    def _codes(self, nodes: Iterable[str]) -> set[bytes]:
        return set().union(*(self.codes.get(node, ()) for node in nodes)) if self.codes else set()
