"""Who has agreed to what: asked of the platform before a message goes anywhere. (docs: path/91782)

The name ``exteranalopenid`` is misspelt by the platform itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors import errors
from connectors.http import Door

MOST = 100
"""Pairs in one call; more are refused with 301060."""
AGREED = frozenset({"Agree", "Default_Agree"})
Info = Mapping[str, Any]


class Consents:
    """Answers of one run, asked once each. staff: who has an archive seat."""

    def __init__(self, http: Door) -> None:
        self._http = http
        self._seats: frozenset[str] | None = None
        self._pairs: dict[tuple[str, str], Info | None] = {}
        self._rooms: dict[str, dict[str, Info]] = {}

    @property
    def seats(self) -> frozenset[str]:
        """Staff whose chats are archived. (docs: path/91614)"""
        if self._seats is None:
            self._seats = frozenset(map(str, self._http.post("msgaudit/get_permit_user_list", {}).get("ids") or []))
        return self._seats

    def ask(self, pairs: Iterable[tuple[str, str]], rooms: Iterable[str]) -> None:
        """Ask for these (staff, customer) pairs and rooms, as far as they have not been asked for."""
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in self._pairs]
        for start in range(0, len(missing), MOST):
            self._single(missing[start : start + MOST])
        for room in dict.fromkeys(rooms):
            if room not in self._rooms:
                self._rooms[room] = self._room(room)

    def of_pair(self, staff: str, customer: str) -> Info | None:
        """What the customer has said to this member of staff; None when he was never asked, or is none."""
        return self._pairs.get((staff, customer))

    def of_room(self, room: str) -> dict[str, Info]:
        """Customer -> what he has said, for each customer in the room."""
        return self._rooms.get(room, {})

    def _single(self, pairs: list[tuple[str, str]]) -> None:
        body = {"info": [{"userid": staff, "exteranalopenid": customer} for staff, customer in pairs]}
        try:
            found = self._http.post("msgaudit/check_single_agree", body).get("agreeinfo") or []
        except errors.RecordError:
            # One who is unknown by now may refuse them all: halve until he stands alone, who then counts as not asked.
            if len(pairs) == 1:
                self._pairs[pairs[0]] = None
                return
            half = len(pairs) // 2
            self._single(pairs[:half])
            self._single(pairs[half:])
            return
        self._pairs |= dict.fromkeys(pairs)
        for info in found:
            self._pairs[str(info.get("userid")), str(info.get("exteranalopenid"))] = info

    def _room(self, room: str) -> dict[str, Info]:
        try:
            found = self._http.post("msgaudit/check_room_agree", {"roomid": room}).get("agreeinfo") or []
        except errors.RecordError:
            return {}
        return {str(info.get("exteranalopenid")): info for info in found}


def agreed(info: Info | None) -> bool:
    """Whether this lets a message be kept."""
    return info is not None and info.get("agree_status") in AGREED
