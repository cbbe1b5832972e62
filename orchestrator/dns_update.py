"""The name server that takes a territory's records: asked directly, and told by signed updates (RFC 2136, RFC 8945)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from orchestrator.dns_model import Publication
from orchestrator.dns_publish import Owned, Step
from orchestrator.errors import DnsRefused
from orchestrator.files import write_text
from orchestrator.model import Node

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.tsig

SECONDS = 10  # for one answer
PUBLISHED = "dns.json"  # beside territory.yml: what was published from here; it belongs to the mesh folder's history
SAID = {
    "NOTAUTH": "check `key` and `algorithm` in territory.yml, the secret (`credentials --set`), both clocks, and that "
    "it lets this key change the zone",
    "REFUSED": "it does not let this key, or this address, change the zone",
    "YXRRSET": "the zone has changed meanwhile: the same command again",
    "NXRRSET": "the zone has changed meanwhile: the same command again",
}


class Server:
    """One primary, as territory.yml names it.

    Args:
        place: where it is, and the key's name.
        secret: of the key, in base64.
    """

    def __init__(self, place: Publication, secret: SecretStr) -> None:
        self.place, self._secret = place, secret
        self._zones: dict[str, str] = {}
        self._seen: dict[tuple[str, str], tuple[str, ...]] = {}

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Live data of a name and type, as in a zone file, every name absolute; as they were when first asked for.

        Raises:
            DnsRefused: no usable answer.
        """
        import dns.rdatatype

        if (name, kind) in self._seen:
            return self._seen[name, kind]
        answer = self._asked(name, kind)
        wanted = dns.rdatatype.from_text(kind)
        found = [each for each in answer.answer if each.rdtype == wanted and str(each.name)[:-1] == name]
        self._seen[name, kind] = tuple(record.to_text() for each in found for record in each)
        return self._seen[name, kind]

    def zone_of(self, name: str) -> str:
        """The zone, of those that the server is authoritative for, that a name is in.

        Raises:
            DnsRefused: there is none.
        """
        import dns.flags
        import dns.rdatatype

        labels = name.split(".")
        for start in range(len(labels) - 1):
            zone = ".".join(labels[start:])
            if zone not in self._zones:
                answer = self._asked(zone, "SOA")
                there = [each for each in answer.answer if each.rdtype == dns.rdatatype.SOA]
                authoritative = answer.flags & dns.flags.AA and there and str(there[0].name)[:-1] == zone
                self._zones[zone] = zone if authoritative else ""
            if self._zones[zone]:
                return zone
        raise DnsRefused(f"{self}: it does not serve the zone of {name}")

    def update(self, zone: str, steps: Iterable[Step]) -> None:
        """Do steps of one zone, all or none; only if what they change is still as it was when it was asked.

        Raises:
            DnsRefused: none of them was done, or that is not known; the same again finds out.
        """
        import dns.update

        message = dns.update.UpdateMessage(zone, keyring=self._key)
        chosen = list(steps)
        for name, kind in sorted({(step.record.name, step.record.type) for step in chosen}):
            if live := self.ask(name, kind):
                message.present(f"{name}.", kind, *live)
            else:
                message.absent(f"{name}.", kind)
        for step in chosen:
            record = step.record
            if step.action == "delete":
                message.delete(f"{record.name}.", record.type, record.data)
            else:
                message.add(f"{record.name}.", record.ttl, record.type, record.data)
        self._sent(message)

    def __str__(self) -> str:
        return f"the name server {self.place.server}"

    @cached_property
    def _key(self) -> dns.tsig.Key:
        import dns.tsig

        try:
            return dns.tsig.Key(str(self.place.key), self._secret.get_secret_value(), self.place.algorithm)
        except ValueError:
            raise DnsRefused("the secret dns.tsig is not base64: `credentials --set` it as your DNS gave it") from None

    def _asked(self, name: str, kind: str) -> dns.message.Message:
        import dns.message

        return self._sent(dns.message.make_query(f"{name}.", kind))

    def _sent(self, message: dns.message.Message) -> dns.message.Message:
        import dns.exception
        import dns.query
        import dns.rcode
        import dns.tsig

        try:
            answer = dns.query.tcp(message, str(self.place.server), SECONDS, self.place.port)
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.exception.FormError):
            raise DnsRefused(f"{self} does not accept the key: {SAID['NOTAUTH']}") from None
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise DnsRefused(f"{self} does not answer as it should ({type(error).__name__}: {error})") from None
        code = dns.rcode.to_text(answer.rcode())
        if code not in ("NOERROR", "NXDOMAIN"):
            raise DnsRefused(f"{self} says {code}: {SAID.get(code, 'see its log')}")
        return answer


def published(node: Node) -> set[Owned]:
    """What was published from here.

    Raises:
        DnsRefused: the file that says so cannot be read.
    """
    path = _path(node)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {(str(name), str(kind), str(data)) for name, kind, data in found}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError):
        raise DnsRefused(f"{path} is not as it was written; take it from the mesh folder's history") from None


def remember(node: Node, owned: Iterable[Owned]) -> None:
    """Write it down, a record on each line: to be committed with the mesh folder."""
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in sorted(owned))
    write_text(_path(node), f"[\n{lines}\n]\n", 0o644)


def _path(node: Node) -> Path:
    return node.folder / PUBLISHED
