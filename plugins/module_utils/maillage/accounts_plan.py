"""What the directory should hold, compared with what it holds. Pure: values in, values out."""

from __future__ import annotations

from collections import namedtuple

from maillage import ldif
from maillage.command import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from maillage.ldif import Entry

PERSON = ["inetOrgPerson", "maillagePerson"]
SERVICE = ["organizationalRole", "simpleSecurityObject"]
ACTIVE, SUSPENDED = "active", "suspended"

Record = namedtuple("Record", "kind name values password machine", defaults=({}, None, False))
Record.__doc__ = """One change of the directory: kind is add, modify or delete, name the distinguished name.

password, when there is one, is in clear, and becomes `userPassword` once it is hashed; machine marks a password that no
person types.
"""


class Directory:
    """What is there.

    Attributes:
        entries: distinguished name and attributes, by short name: "" for the suffix, `people`, `people/<uid>`,
            `services`, `services/<name>`.
    """

    def __init__(self, suffix: str, text: str) -> None:
        self.suffix = suffix
        self.entries: dict[str, tuple[str, Entry]] = {}
        for name, entry in ldif.parse(text):
            if (short := self.short(name.lower(), entry)) is not None:
                self.entries[short] = (name, entry)

    def short(self, name: str, entry: Entry) -> str | None:
        """Return the short name of an entry, or None for one that is not ours to look after."""
        suffix = self.suffix.lower()
        if name == suffix:
            return ""
        for place, attribute in (("people", "uid"), ("services", "cn")):
            if name == f"ou={place},{suffix}":
                return place
            if name.endswith(f",ou={place},{suffix}") and entry.get(attribute):
                return f"{place}/{entry[attribute][0].lower()}"
        return None

    def has(self, short: str) -> bool:
        """Say whether an entry is there."""
        return short.lower() in self.entries

    def values(self, short: str) -> Entry:
        """Return an entry's attributes, their names in lower case."""
        return self.entries[short.lower()][1]

    def name(self, short: str) -> str:
        """Return a distinguished name: the one that is there, or the one to make."""
        if short.lower() in self.entries:
            return self.entries[short.lower()][0]
        place, separator, own = short.partition("/")
        branch = f"ou={place},{self.suffix}" if place else self.suffix
        return f"{ldif.name_part('uid' if place == 'people' else 'cn', own)},{branch}" if separator else branch

    def below(self, place: str) -> list[str]:
        """List what is below `people` or `services`, without the place's own name."""
        return sorted(short.partition("/")[2] for short in self.entries if short.startswith(f"{place}/"))


def compare(
    directory: Directory, wanted: dict[str, Any], agrees: Callable[[list[str], str], bool]
) -> tuple[list[Record], list[dict[str, str]]]:
    """Find what must change.

    Args:
        directory: what is there.
        wanted: the module's arguments.
        agrees: says whether a password is the one behind stored hashes.

    Returns:
        The records, in an order in which they can be written, and the changes to report.
    """
    records, changes = skeleton(directory), []
    for found in (services(directory, wanted, agrees), people(directory, wanted, agrees)):
        for action, name, record in found:
            changes.append({"kind": "account", "name": name, "action": action})
            if record is not None:
                records.append(record)
    return records, changes


def skeleton(directory: Directory) -> list[Record]:
    """Make what the accounts hang on."""
    first = directory.suffix.partition(",")[0].partition("=")[2]
    base: Entry = {"objectClass": ["dcObject", "organization"], "dc": [first], "o": [first]}
    wanted = {
        "": base,
        **{place: {"objectClass": ["organizationalUnit"], "ou": [place]} for place in ("people", "services")},
    }
    return [Record("add", directory.name(short), entry) for short, entry in wanted.items() if not directory.has(short)]


def services(
    directory: Directory, wanted: dict[str, Any], agrees: Callable[[list[str], str], bool]
) -> list[tuple[str, str, Record]]:
    """Service accounts: their passwords always agree, and there are no others."""
    found = []
    for service in wanted["services"]:
        short = f"services/{service['name']}"
        name, password = directory.name(short), service["password"]
        if not directory.has(short):
            entry = {"objectClass": SERVICE, "cn": [service["name"]]}
            found.append(("create", short, Record("add", name, entry, password, True)))
        elif not agrees(directory.values(short).get("userpassword", []), password):
            found.append(("reset", short, Record("modify", name, {}, password, True)))
    known = {service["name"].lower() for service in wanted["services"]}
    for own in directory.below("services"):
        if own not in known:
            found.append(("remove", f"services/{own}", Record("delete", directory.name(f"services/{own}"))))
    return found


def people(
    directory: Directory, wanted: dict[str, Any], agrees: Callable[[list[str], str], bool]
) -> list[tuple[str, str, Record | None]]:
    """Subscribers: made, changed, suspended when they are no longer listed; removed only when that is asked for.

    A password belongs to its owner; one that stands beside the other attributes is the partner's, and always agrees.

    Raises:
        NodeError: everybody would be suspended, since nobody is listed: a file that is lost looks like that.
    """
    found: list[tuple[str, str, Record | None]] = []
    for subscriber in wanted["subscribers"]:
        uid, short, own = subscriber["uid"], f"people/{subscriber['uid']}", subscriber.get("password")
        kept = own is not None and directory.has(short)
        differs = kept and not agrees(directory.values(short).get("userpassword", []), own)
        password = wanted["first_passwords"].get(uid) if own is None else own
        found += person(directory, subscriber, password, differs or uid in wanted["reset"])
    known = {subscriber["uid"].lower() for subscriber in wanted["subscribers"]}
    nobody = all(subscriber.get("password") is not None for subscriber in wanted["subscribers"])
    removed = {uid.lower() for uid in wanted["remove"]}
    for uid in directory.below("people"):
        short = f"people/{uid}"
        if uid in removed:
            found.append(("remove", uid, Record("delete", directory.name(short))))
        elif uid not in known and directory.values(short).get("maillagestate") != [SUSPENDED]:
            found.append(("suspend", uid, Record("modify", directory.name(short), {"maillageState": [SUSPENDED]})))
    if nobody and (left := [uid for action, uid, _ in found if action == "suspend"]):
        raise NodeError(
            f"no subscriber is listed, and all that are here would be suspended ({', '.join(left[:5])}): bring "
            "subscriptions.yml back; whoever is to leave is taken out by `subscriber remove` while still listed"
        )
    return found


def person(
    directory: Directory, subscriber: dict[str, Any], password: str | None, reset: bool
) -> list[tuple[str, str, Record | None]]:
    """Compare one subscriber; every change goes into one record, and is named by what it means."""
    uid, short, wanted = subscriber["uid"], f"people/{subscriber['uid']}", attributes(subscriber)
    machine = subscriber.get("password") is not None
    if password is None and (reset or not directory.has(short)):
        raise NodeError(f"{uid}: no first password is given; deploy with the orchestrator, which makes one")
    if not directory.has(short):
        entry = {"objectClass": PERSON, "uid": [uid], **{name: values for name, values in wanted.items() if values}}
        return [("create", uid, Record("add", directory.name(short), entry, password, machine))]
    there = directory.values(short)
    changed = {name: values for name, values in wanted.items() if sorted(there.get(name.lower(), [])) != values}
    actions = []
    if "maillageState" in changed:
        actions.append("suspend" if subscriber["state"] == SUSPENDED else "resume")
    if set(changed) - {"maillageState"}:
        actions.append("change")
    if reset:
        actions.append("reset")
    if not actions:
        return []
    record = Record("modify", directory.name(short), changed, password if reset else None, machine)
    return [(action, uid, record if number == 0 else None) for number, action in enumerate(actions)]


def attributes(subscriber: dict[str, Any]) -> Entry:
    """Return what the directory says of a subscriber; an empty list is an attribute that must not be there."""
    name = subscriber["name"].strip()
    quotas = {"maillageCloudQuota": subscriber.get("cloud_quota"), "maillageMailQuota": subscriber.get("mail_quota")}
    return {
        "cn": [name],
        "sn": [name.split()[-1]],
        "mail": [subscriber["mail"]],
        "maillageState": [subscriber["state"]],
        **{attribute: [] if size is None else [str(size)] for attribute, size in quotas.items()},
        "maillageAlias": sorted(subscriber.get("aliases", [])),
    }
