"""A nameserver on the loopback: answers from a table, right or wrong, signed or not."""

from __future__ import annotations

import socketserver
import time

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec


class Nameserver(socketserver.ThreadingUDPServer):
    """Answers from a table, over UDP.

    Attributes:
        records: data by (name, type).
        validated: sets the AD flag, as a validating resolver does for a signed zone.
        rcode: what it answers to everything, if not from the table.
        silent: receives and says nothing.
        keys: signs what belongs to a zone with the zone's key.
        signed_for: seconds that signatures last; negative ones have expired.
    """

    daemon_threads = True
    validated = True
    rcode: dns.rcode.Rcode | None = None
    silent = False
    signed_for = 3600

    def __init__(self, records: dict[tuple[str, str], list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.records = records
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def add_signed_zone(self, zone: str, key: ec.EllipticCurvePrivateKey) -> str:
        """Serve the key, and the DS record in the zone above; give the DS record's data."""
        public = dns.dnssec.make_dnskey(key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
        delegation = dns.dnssec.make_ds(dns.name.from_text(zone), public, "SHA256").to_text()
        self.keys[zone] = key
        self.records[zone, "DNSKEY"], self.records[zone, "DS"] = [public.to_text()], [delegation]
        return delegation

    def signature(self, records: dns.rrset.RRset, zone: str) -> dns.rrset.RRset:
        """Sign the records with the key of the zone."""
        now, end = int(time.time()), self.signed_for
        signed = dns.dnssec.sign(
            records,
            self.keys[zone],
            dns.name.from_text(zone),
            dns.dnssec.make_dnskey(self.keys[zone].public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257),
            inception=now - 7200,
            expiration=now + end,
        )
        return dns.rrset.from_rdata(records.name, records.ttl, signed)

    def zone_of(self, records: dns.rrset.RRset) -> str | None:
        """The innermost signed zone that the records belong to; a DS record belongs to the zone above."""
        name = records.name.parent() if records.rdtype == dns.rdatatype.DS else records.name
        zones = [zone for zone in self.keys if name.is_subdomain(dns.name.from_text(zone))]
        return max(zones, key=len, default=None)

    @property
    def address(self) -> str:
        return f"127.0.0.1@{self.server_address[1]}"


class _Answer(socketserver.BaseRequestHandler):
    server: Nameserver

    def handle(self) -> None:
        if self.server.silent:
            return
        message, reply_to = self.request
        query = dns.message.from_wire(message)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        response = dns.message.make_response(query, recursion_available=True)
        data = self.server.records.get((name, dns.rdatatype.to_text(question.rdtype)))
        if self.server.rcode is not None:
            response.set_rcode(self.server.rcode)
        elif data:
            records = dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, data)
            response.answer.append(records)
            if zone := self.server.zone_of(records):
                response.answer.append(self.server.signature(records, zone))
        elif name not in {known for known, _ in self.server.records}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if self.server.validated:
            response.flags |= dns.flags.AD
        reply_to.sendto(response.to_wire(), self.client_address)
