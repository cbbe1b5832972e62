"""A project at the stand-in: what is in it, and what each request does to it. No HTTP here."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TOKEN, READING = "a-token-of-the-stand-in", "a-token-of-the-stand-in-that-reads"
CREATED = "2026-11-01T08:00:00Z"
LOCATIONS = {
    name: {"id": number, "name": name, "description": f"{city} DC Park 1", "country": "DE", "city": city,
           "latitude": 50.0, "longitude": 11.0, "network_zone": "eu-central"}
    for number, (name, city) in enumerate({"fsn1": "Falkenstein", "nbg1": "Nuremberg"}.items(), 1)
}  # fmt: skip
# Sample prices: a month of each, without VAT.
VAT, TYPES, GIGABYTE, ADDRESS = "20.00", {"cx23": 3.0, "cx33": 5.0, "cx43": 9.0}, 0.05, {"ipv4": 0.5, "ipv6": 0.0}
KINDS = ("ssh_keys", "firewalls", "primary_ips", "volumes", "servers", "placement_groups", "zones")


class Refused(Exception):
    """An error of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Project:
    """What somebody has there.

    Attributes:
        things: by kind and id, as the API gives them.
        rrsets: of each zone's id, by name and type.
        failing: commands of actions that will fail, with code and message.
        started: called with a server, the keys it lets in and its user data, once it is made; `ended` when it goes.
        addresses: those that the next primary IPs get.
    """

    things: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    rrsets: dict[int, dict[tuple[str, str], dict[str, Any]]] = field(default_factory=dict)
    actions: dict[int, dict[str, Any]] = field(default_factory=dict)
    failing: dict[str, tuple[str, str]] = field(default_factory=dict)
    started: Callable[[dict[str, Any], list[str], str], None] = lambda *_: None
    ended: Callable[[dict[str, Any]], None] = lambda *_: None
    addresses: dict[str, list[str]] = field(
        default_factory=lambda: {
            "ipv4": [f"203.0.113.{number}" for number in range(100, 120)],
            "ipv6": [f"2001:db8:{number:x}::/64" for number in range(16, 36)],
        }
    )
    _number: int = 1000
    _then: dict[int, Callable[[], None]] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of the answer to a request, without a token's rights."""
        for pattern, doing in ROUTES:
            asked = re.fullmatch(pattern, f"{method} {path}")
            if asked:
                return doing(self, query, body, *asked.groups())
        raise Refused(404, "not_found", f"the stand-in knows no {method} {path}")

    def listing(self) -> list[str]:
        """What is there, as one line each."""
        return sorted(f"{kind} {each['name']}" for kind in KINDS for each in self.things[kind].values())

    def add_zone(self, name: str) -> int:
        """A zone that somebody made in the console."""
        number = self._new_number()
        counts = {"record_count": 0, "created": CREATED, "labels": {}, "protection": {"delete": False}}
        servers = {"assigned": ["hydrogen.ns.example."], "delegated": [], "delegation_last_check": None,
                   "delegation_status": "unknown"}  # fmt: skip
        self.things["zones"][number] = {
            "id": number, "name": name, "mode": "primary", "ttl": 3600, "status": "ok", "registrar": "other",
            "authoritative_nameservers": servers, **counts,
        }  # fmt: skip
        self.rrsets[number] = {}
        return number

    def record(self, zone: int, name: str, kind: str, value: str) -> None:
        """A record that somebody made in the console."""
        self._rrset(zone, name, kind)["records"].append({"value": value, "comment": "by hand"})

    # ------------------------------------------------------------------------------------------------------ requests

    def pricing(self, _query: dict[str, str], _body: Any) -> tuple[int, Any]:
        def by_place(cost: float, **more: Any) -> list[dict[str, Any]]:
            return [{"location": place, "price_monthly": _sum(cost), "price_hourly": _sum(cost / 700), **more}
                    for place in LOCATIONS]  # fmt: skip

        traffic = {"included_traffic": 2 * 10**13, "price_per_tb_traffic": _sum(1)}
        addresses = [{"type": kind, "prices": by_place(cost)} for kind, cost in ADDRESS.items()]
        return 200, {
            "pricing": {
                "currency": "EUR", "vat_rate": VAT, "image": {"price_per_gb_month": _sum(0.01)},
                "floating_ip": {"price_monthly": _sum(3)}, "floating_ips": addresses, "primary_ips": addresses,
                "load_balancer_types": [], "server_backup": {"percentage": "20.00"},
                "server_types": [{"id": number, "name": name, "prices": by_place(cost, **traffic)}
                                 for number, (name, cost) in enumerate(TYPES.items(), 1)],
                "volume": {"price_per_gb_month": _sum(GIGABYTE)},
            }
        }  # fmt: skip

    def all(self, query: dict[str, str], _body: Any, kind: str) -> tuple[int, Any]:
        wanted = dict(each.split("==") for each in query.get("label_selector", "").split(",") if each)
        found = [
            each
            for each in self.things[kind].values()
            if each["labels"].items() >= wanted.items() and query.get("name", each["name"]) == each["name"]
        ]
        return 200, _page(kind, found, query)

    def one(self, _query: Any, _body: Any, kind: str, number: str) -> tuple[int, Any]:
        return 200, {kind.removesuffix("s"): self._thing(kind, int(number))}

    def create_key(self, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        blob = base64.b64decode(body["public_key"].split()[1])
        print_ = hashlib.md5(blob).hexdigest()
        if any(each["fingerprint"] == print_ for each in self.things["ssh_keys"].values()):
            raise Refused(409, "uniqueness_error", "SSH key not unique")
        key = {"fingerprint": print_, "public_key": body["public_key"]}
        return 201, {"ssh_key": self._add("ssh_keys", body, key)}

    def create_firewall(self, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        firewall = self._add("firewalls", body, {"rules": _rules(body.get("rules", [])), "applied_to": []})
        return 201, {"firewall": firewall, "actions": [self._action("create_firewall", firewall, "firewall")]}

    def set_rules(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        firewall = self._thing("firewalls", int(number))
        firewall["rules"] = _rules(body["rules"])
        return 201, {"actions": [self._action("set_firewall_rules", firewall, "firewall")]}

    def apply_firewall(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        firewall = self._thing("firewalls", int(number))
        for each in body["apply_to"]:
            self._shield(self._thing("servers", each["server"]["id"]), firewall)
        return 201, {"actions": [self._action("apply_firewall", firewall, "firewall")]}

    def remove_firewall(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        firewall = self._thing("firewalls", int(number))
        for each in body["remove_from"]:
            server = self._thing("servers", each["server"]["id"])
            net = server["public_net"]
            net["firewalls"] = [other for other in net["firewalls"] if other["id"] != firewall["id"]]
            firewall["applied_to"] = [old for old in firewall["applied_to"] if old["server"]["id"] != server["id"]]
        return 201, {"actions": [self._action("remove_firewall", firewall, "firewall")]}

    def create_address(self, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        place = LOCATIONS.get(body.get("location", ""))
        if place is None:
            raise Refused(422, "invalid_input", "invalid input in field 'location'")
        address = self._add("primary_ips", body, {
            "ip": self.addresses[body["type"]].pop(0), "type": body["type"], "location": place, "dns_ptr": [],
            "assignee_id": None, "assignee_type": "server", "auto_delete": body.get("auto_delete", False),
            "blocked": False, "datacenter": _datacenter(place), "protection": {"delete": False},
        })  # fmt: skip
        return 201, {"primary_ip": address}

    def change_address(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        address = self._thing("primary_ips", int(number))
        address.update(body)
        return 200, {"primary_ip": address}

    def reverse(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        address = self._thing("primary_ips", int(number))
        address["dns_ptr"] = [{"ip": body["ip"], "dns_ptr": body["dns_ptr"]}]
        return 201, {"action": self._action("change_dns_ptr", address, "primary_ip")}

    def assign(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        address, server = self._thing("primary_ips", int(number)), self._thing("servers", body["assignee_id"])
        self._require_off(server)
        self._give(address, server)
        return 201, {"action": self._action("assign_primary_ip", address, "primary_ip")}

    def create_volume(self, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        place = LOCATIONS[body["location"]]
        volume = self._add("volumes", body, {
            "size": body["size"], "location": place, "server": None, "status": "available",
            "format": body.get("format"), "protection": {"delete": False}, "linux_device": "",
        })  # fmt: skip
        volume["linux_device"] = f"/dev/disk/by-id/scsi-0HC_Volume_{volume['id']}"
        return 201, {"volume": volume, "action": self._action("create_volume", volume, "volume"), "next_actions": []}

    def resize(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        volume = self._thing("volumes", int(number))
        if body["size"] < volume["size"]:
            raise Refused(422, "invalid_input", "a volume can only grow")
        volume["size"] = body["size"]
        return 201, {"action": self._action("resize_volume", volume, "volume")}

    def attach(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        volume = self._thing("volumes", int(number))
        volume["server"] = body["server"]
        self._thing("servers", body["server"])["volumes"].append(volume["id"])
        return 201, {"action": self._action("attach_volume", volume, "volume")}

    def create_server(self, _query: Any, body: dict[str, Any]) -> tuple[int, Any]:
        kind, place = body["server_type"], LOCATIONS.get(body.get("location", ""))
        if kind not in TYPES or place is None:
            raise Refused(422, "invalid_input", "invalid input in field 'server_type' or 'location'")
        volumes = [self._thing("volumes", number) for number in body.get("volumes", [])]
        given = [self._thing("primary_ips", body["public_net"][family]) for family in ("ipv4", "ipv6")]
        if any(each["assignee_id"] for each in given) or any(each["server"] for each in volumes):
            raise Refused(409, "conflict", "an address or a volume belongs to another server")
        keys = [self._key(text)["public_key"] for text in body.get("ssh_keys", [])]
        server = self._add("servers", body, {
            "status": "initializing", "server_type": _server_type(kind), "location": place,
            "datacenter": _datacenter(place), "image": _image(body["image"]), "volumes": [], "locked": False,
            "public_net": {"ipv4": None, "ipv6": None, "floating_ips": [], "firewalls": []}, "private_net": [],
            "protection": {"delete": False, "rebuild": False}, "rescue_enabled": False, "backup_window": None,
            "included_traffic": 2 * 10**13, "ingoing_traffic": 0, "outgoing_traffic": 0, "iso": None,
            "primary_disk_size": 40, "placement_group": None, "load_balancers": [],
        })  # fmt: skip
        for address in given:
            self._give(address, server)
        for volume in volumes:
            volume["server"] = server["id"]
            server["volumes"].append(volume["id"])
        for each in body.get("firewalls", []):
            self._shield(server, self._thing("firewalls", each["firewall"]))
        action = self._action("create_server", server, "server")
        self._then[action["id"]] = lambda: server.update(status="running")
        begun = [self._action("start_server", server, "server")]
        self.started(server, keys, body.get("user_data", ""))
        return 201, {"server": server, "action": action, "next_actions": begun, "root_password": None}

    def power(self, _query: Any, _body: Any, number: str, command: str) -> tuple[int, Any]:
        server = self._thing("servers", int(number))
        if command == "shutdown" and server["status"] == "off":
            raise Refused(422, "server_not_running", "the server is off")  # what theirs does is not described
        server["status"] = "running" if command == "poweron" else "off"
        return 201, {"action": self._action(f"{command}_server", server, "server")}

    def change_type(self, _query: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
        server = self._thing("servers", int(number))
        self._require_off(server)
        server["server_type"] = _server_type(body["server_type"])
        return 201, {"action": self._action("change_server_type", server, "server")}

    def delete_server(self, _query: Any, _body: Any, number: str) -> tuple[int, Any]:
        server = self._thing("servers", int(number))
        for address in self.things["primary_ips"].values():
            if address["assignee_id"] == server["id"]:
                address["assignee_id"] = None
        for volume in self.things["volumes"].values():
            if volume["server"] == server["id"]:
                volume["server"] = None
        for firewall in self.things["firewalls"].values():
            firewall["applied_to"] = [each for each in firewall["applied_to"] if each["server"]["id"] != server["id"]]
        self.ended(server)
        del self.things["servers"][server["id"]]
        return 200, {"action": self._action("delete_server", server, "server")}

    def delete(self, _query: Any, _body: Any, kind: str, number: str) -> tuple[int, Any]:
        thing = self._thing(kind, int(number))
        if thing.get("applied_to") or thing.get("server") or thing.get("assignee_id"):
            raise Refused(422, "resource_in_use", f"{kind} {thing['name']} is still in use")
        del self.things[kind][int(number)]
        return 204, None

    def poll(self, query: dict[str, Any], _body: Any) -> tuple[int, Any]:
        return 200, _page("actions", [self._polled(int(number)) for number in query["id"].split(",")], query)

    def poll_one(self, _query: Any, _body: Any, number: str) -> tuple[int, Any]:
        return 200, {"action": self._polled(int(number))}

    def all_rrsets(self, query: dict[str, str], _body: Any, zone: str) -> tuple[int, Any]:
        return 200, _page("rrsets", list(self.rrsets[self._zone(zone)].values()), query)

    def add_records(self, _query: Any, body: dict[str, Any], zone: str, name: str, kind: str) -> tuple[int, Any]:
        number = self._zone(zone)
        if any(there == name and other == "CNAME" != kind for there, other in self.rrsets[number]):
            raise Refused(422, "invalid_input", "a CNAME is there")
        rrset = self._rrset(number, name, kind)
        known = {each["value"] for each in rrset["records"]}
        if known & {each["value"] for each in body["records"]}:
            raise Refused(409, "uniqueness_error", "the record is there")
        if rrset["records"] and body.get("ttl") not in (None, rrset["ttl"]):
            raise Refused(422, "invalid_input", "the TTL is another one")
        rrset["ttl"] = body.get("ttl") or rrset["ttl"]
        rrset["records"] += [{"value": each["value"], "comment": each.get("comment", "")} for each in body["records"]]
        return 201, {"action": self._action("add_rrset_records", self.things["zones"][number], "zone")}

    def remove_records(self, _query: Any, body: dict[str, Any], zone: str, name: str, kind: str) -> tuple[int, Any]:
        number = self._zone(zone)
        rrset, gone = self._rrset(number, name, kind), [each["value"] for each in body["records"]]
        rrset["records"] = [each for each in rrset["records"] if each["value"] not in gone]
        if not rrset["records"]:
            del self.rrsets[number][name, kind]
        return 201, {"action": self._action("remove_rrset_records", self.things["zones"][number], "zone")}

    # ------------------------------------------------------------------------------------------------------- helpers

    def _new_number(self) -> int:
        self._number += 1
        return self._number

    def _add(self, kind: str, body: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        if any(each["name"] == body["name"] for each in self.things[kind].values()):
            raise Refused(409, "uniqueness_error", f"{kind} name is already used")
        number = self._new_number()
        labels = copy.deepcopy(body.get("labels", {}))
        self.things[kind][number] = {"id": number, "name": body["name"], "labels": labels, "created": CREATED, **more}
        return self.things[kind][number]

    def _thing(self, kind: str, number: int) -> dict[str, Any]:
        if number not in self.things[kind]:
            raise Refused(404, "not_found", f"{kind} with ID '{number}' not found")
        return self.things[kind][number]

    def _key(self, text: str) -> dict[str, Any]:
        for number, key in self.things["ssh_keys"].items():
            if text in (str(number), key["name"]):
                return key
        raise Refused(422, "invalid_input", "invalid input in field 'ssh_keys'")

    def _zone(self, name: str) -> int:
        return next(number for number, each in self.things["zones"].items() if name in (str(number), each["name"]))

    def _rrset(self, zone: int, name: str, kind: str) -> dict[str, Any]:
        fresh = {"id": f"{name}/{kind}", "name": name, "type": kind, "ttl": None, "labels": {},
                 "protection": {"change": False}, "records": [], "zone": zone}  # fmt: skip
        return self.rrsets[zone].setdefault((name, kind), fresh)

    def _require_off(self, server: dict[str, Any]) -> None:
        if server["status"] != "off":
            raise Refused(422, "server_not_stopped", "the server must be stopped")

    def _give(self, address: dict[str, Any], server: dict[str, Any]) -> None:
        address["assignee_id"] = server["id"]
        net = {"id": address["id"], "ip": address["ip"], "blocked": False}
        net["dns_ptr"] = address["dns_ptr"] if address["type"] == "ipv6" else "static.example"
        server["public_net"][address["type"]] = net

    def _shield(self, server: dict[str, Any], firewall: dict[str, Any]) -> None:
        firewall["applied_to"].append({"type": "server", "server": {"id": server["id"]}})
        server["public_net"]["firewalls"].append({"id": firewall["id"], "status": "applied"})

    def _action(self, command: str, thing: dict[str, Any], kind: str) -> dict[str, Any]:
        number = self._new_number()
        self.actions[number] = {
            "id": number, "command": command, "status": "running", "progress": 0, "started": CREATED, "finished": None,
            "resources": [{"id": thing["id"], "type": kind}], "error": None,
        }  # fmt: skip
        return self.actions[number]

    def _polled(self, number: int) -> dict[str, Any]:
        """An action is done when it is asked for."""
        action = self.actions[number]
        if action["status"] == "running":
            code = self.failing.pop(action["command"], None)
            error = {"code": code[0], "message": code[1]} if code else None
            action.update(status="error" if error else "success", progress=100, finished=CREATED, error=error)
            self._then.pop(number, lambda: None)()
        return action


def _page(kind: str, found: list[Any], query: dict[str, str]) -> dict[str, Any]:
    page, size = int(query.get("page", 1)), int(query.get("per_page", 25))
    last = max(1, -(-len(found) // size))
    before, after = page - 1 if page > 1 else None, page + 1 if page < last else None
    pages = {"page": page, "per_page": size, "previous_page": before, "next_page": after, "last_page": last,
             "total_entries": len(found)}  # fmt: skip
    return {kind: found[(page - 1) * size : page * size], "meta": {"pagination": pages}}


def _sum(net: float) -> dict[str, str]:
    return {"net": f"{net:.10f}", "gross": f"{net * (1 + float(VAT) / 100):.10f}"}


def _rules(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    usual = {"port": None, "description": None, "source_ips": [], "destination_ips": []}
    return [usual | each for each in given]


def _datacenter(place: dict[str, Any]) -> dict[str, Any]:
    types = {"supported": [1], "available": [1], "available_for_migration": [1]}
    return {"id": place["id"], "name": f"{place['name']}-dc1", "description": "a sample", "location": place,
            "server_types": types}  # fmt: skip


def _server_type(name: str) -> dict[str, Any]:
    traffic = {"included_traffic": 2 * 10**13, "price_per_tb_traffic": _sum(1)}
    prices = [{"location": place, "price_monthly": _sum(TYPES[name]), "price_hourly": _sum(TYPES[name] / 700),
               **traffic} for place in LOCATIONS]  # fmt: skip
    places = [{"id": each["id"], "name": each["name"], "available": True, "recommended": True, "deprecation": None}
              for each in LOCATIONS.values()]  # fmt: skip
    return {"id": list(TYPES).index(name) + 1, "name": name, "description": name.upper(), "cores": 2, "memory": 4.0,
            "disk": 40, "deprecated": False, "deprecation": None, "prices": prices, "storage_type": "local",
            "cpu_type": "shared", "category": "Shared vCPU", "architecture": "x86", "locations": places}  # fmt: skip


def _image(name: str) -> dict[str, Any]:
    return {"id": 1, "name": name, "type": "system", "status": "available", "description": "Debian 13",
            "image_size": None, "disk_size": 5, "created": CREATED, "created_from": None, "bound_to": None,
            "os_flavor": "debian", "os_version": "13", "rapid_deploy": True, "protection": {"delete": False},
            "deprecated": None, "deleted": None, "labels": {}, "architecture": "x86"}  # fmt: skip


_ID = "([0-9]+)"
_RECORDS = r"/zones/([^/]+)/rrsets/([^/]+)/([A-Z]+)/actions"
ROUTES: list[tuple[str, Callable[..., tuple[int, Any]]]] = [
    ("GET /pricing", Project.pricing),
    ("GET /actions", Project.poll),
    (f"GET (?:/[a-z_]+)?/actions/{_ID}", Project.poll_one),
    (f"GET /({'|'.join(KINDS)})", Project.all),
    (f"GET /({'|'.join(KINDS)})/{_ID}", Project.one),
    ("POST /ssh_keys", Project.create_key),
    ("POST /firewalls", Project.create_firewall),
    (f"POST /firewalls/{_ID}/actions/set_rules", Project.set_rules),
    (f"POST /firewalls/{_ID}/actions/apply_to_resources", Project.apply_firewall),
    (f"POST /firewalls/{_ID}/actions/remove_from_resources", Project.remove_firewall),
    ("POST /primary_ips", Project.create_address),
    (f"PUT /primary_ips/{_ID}", Project.change_address),
    (f"POST /primary_ips/{_ID}/actions/change_dns_ptr", Project.reverse),
    (f"POST /primary_ips/{_ID}/actions/assign", Project.assign),
    ("POST /volumes", Project.create_volume),
    (f"POST /volumes/{_ID}/actions/resize", Project.resize),
    (f"POST /volumes/{_ID}/actions/attach", Project.attach),
    ("POST /servers", Project.create_server),
    (f"POST /servers/{_ID}/actions/(poweron|poweroff|shutdown)", Project.power),
    (f"POST /servers/{_ID}/actions/change_type", Project.change_type),
    (f"DELETE /servers/{_ID}", Project.delete_server),
    (f"DELETE /({'|'.join(KINDS)})/{_ID}", Project.delete),
    ("GET /zones/([^/]+)/rrsets", Project.all_rrsets),
    (f"POST {_RECORDS}/add_records", Project.add_records),
    (f"POST {_RECORDS}/remove_records", Project.remove_records),
]
