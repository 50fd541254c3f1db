"""A store that shows what was decided and is not written yet, so that deciding need not wait for writing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from hub.identity.core.store import MOST_HOLDERS, Change, Decision, Holder, Profile, Store


class Ahead:
    """Implements `hub.identity.core.store.Store` over ``below``, which shows at least what is said to be written.

    What was decided outranks what is read, so that it does not matter when exactly a change is seen below. number: how many
    changes were decided. Only decisions and the queue, which nobody changes meanwhile, are asked below alone.
    """

    def __init__(self) -> None:
        self.below: Store
        self.number = 0
        self._profiles: dict[str, Profile] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._keys: dict[str, tuple[bytes, ...]] = {}
        self._rows: dict[bytes, list[str]] = {}
        self._since: dict[str, int] = {}
        self._read: dict[str, Profile] = {}
        self._counts: dict[tuple[str, str], int] | None = None

    def over(self, below: Store) -> Ahead:
        """This store, over another view of what is written."""
        self.below, self._read = below, {}
        return self

    def written(self, number: int) -> None:
        """The first so many changes are written: what they said is read below from now on."""
        old = []
        for ref, since in self._since.items():
            if since > number:
                break
            old.append(ref)
        for ref in old:
            del self._since[ref]
            self._leave(self._profiles.pop(ref))
            self._unlock(ref)
        if number == self.number:
            self._counts = None

    # -- reading

    def known(self, refs: Collection[str]) -> Mapping[str, Profile]:
        """See the protocol."""
        found = {ref: self._profiles[ref] for ref in refs if ref in self._profiles}
        below = self.below.known([ref for ref in refs if ref not in found])
        self._read.update(below)
        return found | dict(below)

    def holders(self, digests: Collection[bytes], most: int = MOST_HOLDERS) -> Iterable[Holder]:
        """See the protocol; a few more than ``most`` where some are not written yet."""
        for digest, ref, customer in self.below.holders(digests, most):
            if ref not in self._keys:
                profile = self._profiles.get(ref)
                yield Holder(digest, ref, profile.customer if profile else customer)
        for digest in digests:
            for ref in self._rows.get(digest, ()):
                yield Holder(digest, ref, self._profiles[ref].customer)

    def members(self, customers: Collection[str]) -> Iterable[Profile]:
        """See the protocol."""
        for profile in self.below.members(customers):
            if profile.ref not in self._profiles:
                self._read[profile.ref] = profile
                yield profile
        for customer in customers:
            yield from [self._profiles[ref] for ref in self._members.get(customer, ())]

    def decisions(self, refs: Collection[str]) -> Iterable[Decision]:
        """See the protocol."""
        return self.below.decisions(refs)

    def counts(self) -> dict[tuple[str, str], int]:
        """All counters: as they were when asked first, with what was decided since."""
        if self._counts is None:
            self._counts = dict(self.below.counts())
        return self._counts

    def waiting(self, most: int) -> Sequence[str]:
        """See the protocol."""
        return self.below.waiting(most)

    # -- deciding

    def apply(self, change: Change) -> None:
        """Take note of what a batch did."""
        self.number += 1
        for saved in change.saved:
            ref = saved.ref
            old = self._profiles.pop(ref, None)
            if old is not None:
                self._leave(old)
            features = saved.features
            if features is None:
                features = (old or self._read[ref]).features
            self._profiles[ref] = Profile(ref, saved.customer, features)
            self._members.setdefault(saved.customer, {})[ref] = None
            self._since.pop(ref, None)  # the oldest stand first
            self._since[ref] = self.number
            if saved.features is not None or saved.keys:
                self._unlock(ref)
                self._keys[ref] = digests = tuple(dict.fromkeys(key.digest for key in saved.keys))
                for digest in digests:
                    self._rows.setdefault(digest, []).append(ref)
        counts = self.counts()
        for kind, more in change.counts.items():
            counts[kind] = counts.get(kind, 0) + more

    def _leave(self, profile: Profile) -> None:
        home = self._members[profile.customer]
        del home[profile.ref]
        if not home:
            del self._members[profile.customer]

    def _unlock(self, ref: str) -> None:
        """Forget the keys by which a profile was to be found."""
        for digest in self._keys.pop(ref, ()):
            refs = self._rows[digest]
            refs.remove(ref)
            if not refs:
                del self._rows[digest]
