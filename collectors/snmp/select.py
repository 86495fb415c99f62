"""Which profiles a device gets: by its sysObjectID, by what it answers, or by name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from msgspec import Struct

from collectors.snmp.profile import Match, Profile

AUTO = "auto"
NAMED = "the configuration names it"
"""Why a profile was chosen that nothing about the device speaks for."""
Profiles = Mapping[str, Profile]
"""All that there are, by name: the shipped ones, and people's own, which take the place of a shipped one."""


class Chosen(Struct, frozen=True):
    """The profiles of a device, each after those that come along with it. ``why`` says for each what chose it."""

    names: tuple[str, ...]
    why: Mapping[str, str]


class UnknownProfileError(LookupError):
    """No profile of that name; the text lists those there are."""


def questions(profiles: Profiles, sys_object_id: str) -> tuple[str, ...]:
    """The OIDs that decide: whether the device has something at or below each of them is to be found out."""
    found: dict[str, None] = {}
    for profile in profiles.values():
        match = profile.match
        if not match.sys_object_id or _prefix(match, sys_object_id):
            found.update(dict.fromkeys(match.answers))
    return tuple(found)


def automatic(profiles: Profiles, sys_object_id: str, answered: Set[str]) -> Chosen:
    """What a device with this sysObjectID gets that answered so many of the ``questions``.

    Of the profiles that ask for a sysObjectID, those with the longest matching beginning are taken. They hold whatever
    is common to the vendor by bringing it along.
    """
    why: dict[str, str] = {}
    longest = 0
    vendor: list[tuple[int, str, str]] = []
    for name, profile in profiles.items():
        match = profile.match
        answer = next((oid for oid in match.answers if oid in answered), "")
        if match.answers and not answer:
            continue
        if match.sys_object_id:
            if prefix := _prefix(match, sys_object_id):
                vendor.append((prefix.count("."), name, f"sysObjectID {sys_object_id} is below {prefix}"))
                longest = max(longest, prefix.count("."))
        elif answer:
            why[name] = f"the device answers {answer}"
        elif match.always:
            why[name] = "every device gets it"
    why |= {name: reason for length, name, reason in vendor if length == longest}
    return _with_company(profiles, why)


def named(profiles: Profiles, names: Iterable[str]) -> Chosen:
    """Those that the configuration names, and what comes along with them."""
    return _with_company(profiles, dict.fromkeys(names, NAMED))


def objects(profile: Profile) -> Iterator[str]:
    """The OIDs of everything that the profile publishes, narrow counters included."""
    for scalar in profile.scalars:
        yield scalar.oid
    for table in profile.tables:
        for column in table.columns:
            yield column.oid
            if column.instead is not None:
                yield column.instead.oid


def silent(profiles: Profiles, chosen: Chosen, answered: Set[str]) -> tuple[str, ...]:
    """The profiles of which the device has nothing. ``answered``: OIDs, out of ``objects``, for which something came.

    One that publishes nothing itself (it only brings others along, or names traps) is not among them.
    """
    return tuple(
        name for name in chosen.names if (every := set(objects(profiles[name]))) and every.isdisjoint(answered)
    )


def _with_company(profiles: Profiles, why: Mapping[str, str]) -> Chosen:
    """``with`` followed to its end, each profile once, what comes along before what brings it."""
    full = dict(why)
    order: dict[str, None] = {}
    opened: set[str] = set()

    def place(name: str) -> None:
        if name in order or name in opened:  # a circle is a mistake that the check tells; here it just ends
            return
        if name not in profiles:
            known = ", ".join(sorted(profiles))
            raise UnknownProfileError(f"there is no profile {name[:60]!a}; there are {known}")
        opened.add(name)
        for other in profiles[name].with_:
            full.setdefault(other, f"it comes along with {name}")
            place(other)
        order[name] = None

    for name in sorted(why, key=lambda each: (not profiles[each].match.always if each in profiles else True, each)):
        place(name)
    return Chosen(tuple(order), {name: full[name] for name in order})


def _prefix(match: Match, sys_object_id: str) -> str:
    """The longest of the profile's beginnings that the OID has; empty when it has none."""
    below = sys_object_id + "."
    return max((each for each in match.sys_object_id if below.startswith(each + ".")), key=len, default="")
