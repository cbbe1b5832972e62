"""Malformed territories as data: what stands in the mesh, and every problem that must be named, with its place.

A problem is written as it is printed after the mesh folder; what follows the last `…` of a line need not match.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TERRITORY = """\
territory: calvados
domain: calvados.example
partner:
  name: Partenaire d'exemple
  contact: contact@exterieur.example
  locale: fr_FR
hosts:
  - name: caen
    provider: existing
    address: {ipv4: 203.0.113.11}
services:
  cloud:
    engine: radicale
    default_plan: essentiel
plans:
  essentiel: {quota: 10 GB, mailboxes: 1, price: 3.00}
"""

SUBSCRIPTIONS = """\
subscribers:
  exemple: {name: Personne d'exemple, mail: exemple@calvados.example, plan: essentiel, state: active}
"""

OTHER = (
    TERRITORY.replace("territory: calvados", "territory: manche")
    .replace("domain: calvados", "domain: manche")
    .replace("203.0.113.11", "203.0.113.12")
)


@dataclass(frozen=True)
class Link:
    """A symbolic link to put in place of a file or folder."""

    target: str


@dataclass(frozen=True)
class Case:
    """One malformed mesh."""

    name: str
    problems: list[str]
    files: dict[str, str | bytes | Link | None] = field(default_factory=dict)  # None: a folder


def changed(old: str, new: str, text: str = TERRITORY) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def territory(name: str, old: str, new: str, *problems: str) -> Case:
    return Case(
        name,
        [f"calvados/territory.yml:{problem}" for problem in problems],
        {"calvados/territory.yml": changed(old, new)},
    )


def content(name: str, text: str | bytes, *problems: str) -> Case:
    return Case(name, [f"calvados/territory.yml{problem}" for problem in problems], {"calvados/territory.yml": text})


def subscriptions(name: str, old: str, new: str, *problems: str) -> Case:
    files: dict[str, str | bytes | Link | None] = {
        "calvados/territory.yml": TERRITORY,
        "calvados/subscriptions.yml": changed(old, new, SUBSCRIPTIONS),
    }
    return Case(name, [f"calvados/subscriptions.yml:{problem}" for problem in problems], files)


def two(name: str, old: str, new: str, *problems: str) -> Case:
    files: dict[str, str | bytes | Link | None] = {
        "calvados/territory.yml": TERRITORY,
        "manche/territory.yml": changed(old, new, OTHER),
    }
    return Case(name, list(problems), files)


ALIAS_BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
)
READ_DIFFERENTLY = "YAML 1.1 and 1.2 read this differently"
PRIVATE = "partner.ssh_keys.0: must be one line of a .pub file"
VAULT = "!vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    3132"

TYPES = [
    territory("list for text", "name: caen", "name: [caen]", "8:11: hosts.0.name: must be one label"),
    territory(
        "number for text", "name: Partenaire d'exemple", "name: 14", "4:9: partner.name: must be one line of text"
    ),
    territory(
        "text for mapping",
        "address: {ipv4: 203.0.113.11}",
        "address: 203.0.113.11",
        "10:14: hosts.0.address: must be a mapping with ipv4, ipv6",
    ),
    territory(
        "nothing for mapping",
        "partner:\n  name: Partenaire d'exemple\n  contact: contact@exterieur.example\n  locale: fr_FR\n",
        "partner:\n",
        "3:9: partner: must be a mapping with name, contact",
    ),
    territory(
        "mapping for list",
        "hosts:\n  - name: caen\n    provider: existing\n    address: {ipv4: 203.0.113.11}\n",
        "hosts: {name: caen}\n",
        "7:8: hosts: must be a list",
    ),
    territory(
        "no host",
        "hosts:\n  - name: caen\n    provider: existing\n    address: {ipv4: 203.0.113.11}\n",
        "hosts: []\n",
        "7:8: hosts: must have exactly one host",
    ),
    territory(
        "two hosts",
        "services:\n",
        "  - {name: bayeux, provider: existing, address: {ipv4: 203.0.113.12}}\nservices:\n",
        "8:3: hosts: must have exactly one host",
    ),
    territory(
        "number for plans",
        "plans:\n  essentiel: {quota: 10 GB, mailboxes: 1, price: 3.00}\n",
        "plans: 3\n",
        "15:8: plans: must be a mapping",
    ),
    territory(
        "text for number", "mailboxes: 1", "mailboxes: one", "16:40: plans.essentiel.mailboxes: must be a whole number"
    ),
    territory(
        "true for number", "mailboxes: 1", "mailboxes: true", "16:40: plans.essentiel.mailboxes: must be a whole number"
    ),
    territory(
        "negative number", "mailboxes: 1", "mailboxes: -1", "16:40: plans.essentiel.mailboxes: must be a whole number"
    ),
    territory(
        "enormous number",
        "mailboxes: 1",
        f"mailboxes: {'9' * 5000}",
        f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}",
    ),
    territory(
        "negative price", "price: 3.00", "price: -3.00", "16:50: plans.essentiel.price: must be a number of euros"
    ),
    territory(
        "price in thousandths", "price: 3.00", "price: 3.001", "16:50: plans.essentiel.price: must be a number of euros"
    ),
    territory(
        "price with its currency",
        "price: 3.00",
        "price: 3 €",
        "16:50: plans.essentiel.price: must be a number of euros",
    ),
    territory(
        "size without unit",
        "quota: 10 GB",
        "quota: 10",
        '16:22: plans.essentiel.quota: must be a number and MB, GB or TB, for example "10 GB"',
    ),
    territory(
        "size in binary units",
        "quota: 10 GB",
        "quota: 10 GiB",
        "16:22: plans.essentiel.quota: must be a number and MB, GB or TB",
    ),
    territory(
        "several at once",
        "locale: fr_FR\nhosts:\n  - name: caen\n    provider: existing",
        "locale: de\nhosts:\n  - name: '-'\n    provider: aws",
        "6:11: partner.locale: must be fr_FR or en_GB",
        "8:11: hosts.0.name: must be one label",
        "9:15: hosts.0.provider: must be lab",
    ),
]

NAMES = [
    territory("missing field", "domain: calvados.example\n", "", "1:1: domain: is missing; it must be a domain name"),
    territory(
        "missing nested field",
        "  contact: contact@exterieur.example\n",
        "",
        "3:1: partner.contact: is missing; it must be a mail address",
    ),
    territory(
        "missing mapping",
        "services:\n  cloud:\n    engine: radicale\n    default_plan: essentiel\n",
        "",
        "1:1: services: is missing; it must be a mapping with cloud",
    ),
    territory(
        "unknown key",
        "  locale: fr_FR",
        "  lcoale: fr_FR",
        "6:3: partner.lcoale: is not known here; did you mean locale?",
    ),
    territory(
        "unknown key that looks like pydantic's own mark",
        "  locale: fr_FR",
        '  "[key]": fr_FR',
        "6:3: partner.[key]: is not known here; there is name, contact, locale, ssh_keys",
    ),
    territory(
        "unknown key in a list",
        "    provider: existing",
        "    provider: existing\n    adress: {}",
        "10:5: hosts.0.adress: is not known here; did you mean address?",
    ),
    territory(
        "unknown key of a plan",
        "quota: 10 GB",
        "qouta: 10 GB",
        "16:15: plans.essentiel.qouta: is not known here; did you mean quota?",
        "16:3: plans.essentiel.quota: is missing; it must be a number and MB, GB or TB",
    ),
    territory(
        "unknown service",
        "  cloud:",
        "  telephone: {}\n  cloud:",
        "12:3: services.telephone: is not known here; there is cloud",
    ),
    territory(
        "duplicate key",
        "domain: calvados.example",
        "domain: calvados.example\ndomain: manche.example",
        "3:1: domain: is given twice; keep one of them",
    ),
    territory(
        "duplicate nested key",
        "    engine: radicale",
        "    engine: radicale\n    engine: radicale",
        "14:5: services.cloud.engine: is given twice",
    ),
    territory("number as a key", "  essentiel: {", "  12: {", "16:3: plans: a name must be text"),
    territory("list as a key", "  essentiel: {", "  [a]: {", "16:3: plans: a name must be text"),
    territory(
        "name with parent folders",
        "territory: calvados",
        "territory: ../calvados",
        "1:12: territory: must be lowercase letters",
    ),
    territory(
        "absolute path for a name",
        "territory: calvados",
        "territory: /etc",
        "1:12: territory: must be lowercase letters",
    ),
    territory("host with parent folders", "name: caen", "name: ../../caen", "8:11: hosts.0.name: must be one label"),
    territory(
        "capital letters", "territory: calvados", "territory: Calvados", "1:12: territory: must be lowercase letters"
    ),
    territory("reserved territory", "territory: calvados", "territory: all", "1:12: territory: this name is reserved"),
    territory("reserved host", "name: caen", "name: cloud", "8:11: hosts.0.name: this name is reserved"),
    territory(
        "name longer than RFC 1123 lets", "name: caen", f"name: {'c' * 64}", "8:11: hosts.0.name: must be one label"
    ),
    territory("hyphen at the end", "name: caen", "name: caen-", "8:11: hosts.0.name: must be one label"),
    territory(
        "underscore in a domain",
        "domain: calvados.example",
        "domain: calva_dos.example",
        "2:9: domain: must be a domain name",
    ),
    territory(
        "domain of one label", "domain: calvados.example", "domain: calvados", "2:9: domain: must be a domain name"
    ),
    territory(
        "domain with a final dot",
        "domain: calvados.example",
        "domain: calvados.example.",
        "2:9: domain: must be a domain name",
    ),
    territory(
        "domain in letters with accents",
        "domain: calvados.example",
        "domain: évreux.example",
        "2:9: domain: must be a domain name",
    ),
    territory(
        "domain of local networks",
        "domain: calvados.example",
        "domain: calvados.local",
        "2:9: domain: ends in a name that is kept for special uses",
    ),
    territory(
        "plan name with capitals",
        "  essentiel: {",
        "  Essentiel: {",
        "16:3: plans.Essentiel: must be a name of lowercase letters",
    ),
    territory(
        "line break smuggled into a name",
        "name: Partenaire d'exemple",
        'name: "Partenaire\\nd\'exemple"',
        "4:9: partner.name: must be one line of text",
    ),
    territory(
        "template in a name",
        "name: Partenaire d'exemple",
        "name: \"{{ lookup('pipe', 'id') }}\"",
        "4:9: partner.name: must be one line of text of at most 100 characters, without braces",
    ),
    territory(
        "template statement in a name",
        "name: Partenaire d'exemple",
        'name: "{% raw %}"',
        "4:9: partner.name: must be one line of text",
    ),
    territory(
        "template unquoted", "domain: calvados.example", "domain: {{ domaine }}", "2:10: domain: a name must be text"
    ),
    territory(
        "template in a domain",
        "domain: calvados.example",
        'domain: "{{ x }}.example"',
        "2:9: domain: must be a domain name",
    ),
    territory(
        "shell in a mail address",
        "contact: contact@exterieur.example",
        "contact: $(id)@exterieur.example",
        "5:12: partner.contact: must be a mail address",
    ),
    territory(
        "private key pasted",
        "  locale: fr_FR",
        '  ssh_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"]',
        f"6:14: {PRIVATE}",
    ),
    territory(
        "public key cut short",
        "  locale: fr_FR",
        "  ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA]",
        "6:14: partner.ssh_keys.0: this public key is damaged or cut short",
    ),
    territory(
        "port out of range",
        "    provider: existing",
        "    provider: existing\n    ssh: {port: 70000}",
        "10:17: hosts.0.ssh.port: must be a port number",
    ),
    territory(
        "acme without https",
        "domain: calvados.example",
        "domain: calvados.example\nacme: {directory: http://acme.example/}",
        "3:19: acme.directory: must be an https:// address",
    ),
]

MEANING = [
    territory(
        "engine that there is not",
        "engine: radicale",
        "engine: owncloud",
        "13:13: services.cloud.engine: must be nextcloud (files, photos, contacts and calendar) or radicale",
    ),
    territory(
        "apps of an engine that has none",
        "engine: radicale\n",
        "engine: radicale\n    apps: [contacts]\n",
        "14:5: services.cloud.apps: are Nextcloud's; remove them, or write engine: nextcloud",
    ),
    territory(
        "provider not offered yet",
        "provider: existing",
        "provider: aws",
        "9:15: hosts.0.provider: must be lab (a container on this machine), existing (a machine reached by SSH)",
    ),
    territory(
        "rented host of which nothing is said",
        "    provider: existing\n    address: {ipv4: 203.0.113.11}",
        "    provider: hcloud\n    ssh: {user: partenaire}",
        "3:1: partner.ssh_keys: must have a public key of yours: the new server lets nobody else in",
        "8:5: hosts.0.hcloud: is missing; it must be a mapping with type, location, volume",
        "10:10: hosts.0.ssh: a rented server is reached as root at port 22; remove the others",
    ),
    territory(
        "rented host that cannot be had",
        "    provider: existing",
        "    provider: hcloud\n    hcloud: {type: CX33, location: Nürnberg, volume: 5 GB}",
        "10:20: hosts.0.hcloud.type: must be a type of server, for example cx33",
        "10:36: hosts.0.hcloud.location: must be a location of theirs, for example nbg1",
        "10:54: hosts.0.hcloud.volume: must be whole gigabytes, from 10 GB to 10240 GB",
    ),
    territory(
        "machine of a host that is not rented",
        "    provider: existing",
        "    provider: existing\n    hcloud: {type: cx33, location: nbg1, volume: 10 GB}",
        "10:5: hosts.0.hcloud: is for provider hcloud only; remove it",
    ),
    territory(
        "zones at Hetzner and elsewhere",
        "services:",
        "dns: {provider: hcloud, server: 192.0.2.53}\nservices:",
        "11:33: dns.server: is not asked for; remove it",
    ),
    territory(
        "a server for updates without a key",
        "services:",
        "dns: {server: 192.0.2.53}\nservices:",
        "11:1: dns.key: is missing; see docs/dns.md",
    ),
    territory(
        "folder of another name",
        "territory: calvados",
        "territory: manche",
        "1:12: territory: must be the name of the folder",
    ),
    territory(
        "default plan not defined",
        "default_plan: essentiel",
        "default_plan: famille",
        "14:19: services.cloud.default_plan: names a plan that is not defined",
    ),
    territory(
        "contact inside the domain",
        "contact@exterieur.example",
        "contact@mail.calvados.example",
        "5:12: partner.contact: must be outside the domains that are kept here",
    ),
    territory(
        "contact inside another domain that is kept here",
        "    default_plan: essentiel\nplans:\n  essentiel: {quota: 10 GB,",
        "    default_plan: essentiel\n  mail: {domains: [exterieur.example]}\n"
        "plans:\n  essentiel: {quota: 10 GB, mail_quota: 1 GB,",
        "5:12: partner.contact: must be outside the domains that are kept here",
    ),
    territory(
        "smarthost that is the node itself",
        "    default_plan: essentiel\nplans:\n  essentiel: {quota: 10 GB,",
        "    default_plan: essentiel\n  mail:\n"
        "    smarthost: {host: mail.calvados.example, user: a, spf: spf.autre.example}\n"
        "plans:\n  essentiel: {quota: 10 GB, mail_quota: 1 GB,",
        "16:23: services.mail.smarthost.host: is below a domain that is kept here",
    ),
    territory(
        "service with nothing after it",
        "    default_plan: essentiel\n",
        "    default_plan: essentiel\n  mail:\n",
        "15:8: services.mail: has nothing after it: write {} for a service as it comes, or remove the line",
    ),
    territory("no address", "{ipv4: 203.0.113.11}", "{}", "10:14: hosts.0.address: must have ipv4 or ipv6"),
    territory(
        "address out of range",
        "203.0.113.11",
        "203.0.113.256",
        "10:21: hosts.0.address.ipv4: must be an address such as 203.0.113.7",
    ),
    territory(
        "address as a number",
        "203.0.113.11",
        "3405803787",
        "10:21: hosts.0.address.ipv4: must be an address such as 203.0.113.7",
    ),
    territory(
        "IPv6 where IPv4 is meant",
        "203.0.113.11",
        '"2001:db8::1"',
        "10:21: hosts.0.address.ipv4: must be an address such as 203.0.113.7",
    ),
    territory(
        "loopback address",
        "203.0.113.11",
        "127.0.0.1",
        "10:21: hosts.0.address.ipv4: no other machine can reach this address",
    ),
    territory(
        "link-local address",
        "{ipv4: 203.0.113.11}",
        '{ipv6: "fe80::1%eth0"}',
        "10:21: hosts.0.address.ipv6: no other machine can reach this address",
    ),
    territory(
        "disk of an existing host",
        "    provider: existing",
        "    provider: existing\n    disk: 8 GB",
        "10:5: hosts.0.disk: is for lab hosts only",
    ),
    territory(
        "lab host outside the lab",
        "provider: existing",
        "provider: lab",
        "10:21: hosts.0.address.ipv4: must be one of the lab's addresses, 10.99.0.11 to 10.99.0.254",
    ),
    territory(
        "lab host at an address of the lab's own",
        "provider: existing\n    address: {ipv4: 203.0.113.11}",
        'provider: lab\n    address: {ipv4: 10.99.0.2, ipv6: "fd4d:6169:6c6c::2"}',
        "10:21: hosts.0.address.ipv4: must be one of the lab's addresses",
        "10:38: hosts.0.address.ipv6: must be one of the lab's addresses, fd4d:6169:6c6c::11 or above",
    ),
    territory(
        "SSH to a lab host",
        "provider: existing\n    address: {ipv4: 203.0.113.11}",
        "provider: lab\n    ssh: {}\n    address: {ipv4: 10.99.0.11}",
        "10:5: hosts.0.ssh: is for existing hosts only",
    ),
    two(
        "domain taken",
        "domain: manche.example",
        "domain: calvados.example",
        "manche/territory.yml:2:9: domain: is already calvados's domain",
    ),
    two(
        "domain inside another",
        "domain: manche.example",
        "domain: a.b.calvados.example",
        "manche/territory.yml:2:9: domain: is inside calvados's domain",
    ),
    two(
        "address taken",
        "203.0.113.12",
        "203.0.113.11",
        "manche/territory.yml:10:21: hosts.0.address.ipv4: this address is already calvados's",
    ),
    subscriptions(
        "plan of a subscriber not defined",
        "plan: essentiel",
        "plan: famille",
        "2:77: subscribers.exemple.plan: names a plan that territory.yml does not define",
    ),
    subscriptions(
        "mail outside the domain",
        "exemple@calvados.example",
        "exemple@ailleurs.example",
        "2:45: subscribers.exemple.mail: must be an address of the territory, name@calvados.example",
    ),
    subscriptions(
        "mail that begins like an option",
        "mail: exemple@",
        "mail: -exemple@",
        "2:45: subscribers.exemple.mail: must be a mail address",
    ),
    subscriptions(
        "mail with too much before the @",
        "mail: exemple@",
        f"mail: {'a' * 65}@",
        "2:45: subscribers.exemple.mail: must have at most 64 characters before the @",
    ),
    subscriptions(
        "mail of the postmaster",
        "mail: exemple@",
        "mail: postmaster@",
        "2:45: subscribers.exemple.mail: this address is kept for whoever runs the node",
    ),
    subscriptions("reserved subscriber", "  exemple: {", "  root: {", "2:3: subscribers.root: this name is reserved"),
    subscriptions("account of verify", "  exemple: {", "  verify: {", "2:3: subscribers.verify: this name is reserved"),
    subscriptions(
        "subscriber with parent folders",
        "  exemple: {",
        "  ../exemple: {",
        "2:3: subscribers.../exemple: must be 1 to 32 lowercase letters",
    ),
    subscriptions(
        "subscriber with capitals",
        "  exemple: {",
        "  Exemple: {",
        "2:3: subscribers.Exemple: must be 1 to 32 lowercase letters",
    ),
    subscriptions(
        "state unknown",
        "state: active",
        "state: deleted",
        "2:95: subscribers.exemple.state: must be active or suspended",
    ),
    subscriptions(
        "mail shared by two",
        "subscribers:\n",
        "subscribers:\n  autre: {name: Autre, mail: exemple@calvados.example, plan: essentiel}\n",
        "3:45: subscribers.exemple.mail: is already the address of autre",
    ),
    subscriptions(
        "subscribers as a list",
        "  exemple: {name: Personne d'exemple, mail: exemple@calvados.example, plan: essentiel, state: active}",
        "  - exemple",
        "2:3: subscribers: must be a mapping",
    ),
    Case(
        "subscribers without a cloud",
        ["calvados/territory.yml:11:11: services: has neither cloud nor mail, but subscriptions.yml has subscribers"],
        {
            "calvados/territory.yml": changed(
                "services:\n  cloud:\n    engine: radicale\n    default_plan: essentiel\n", "services: {}\n"
            ),
            "calvados/subscriptions.yml": SUBSCRIPTIONS,
        },
    ),
    Case(
        "secret in clear",
        ["calvados/secrets.yml:1:19: directory.verify: must be a `!vault |` value"],
        {"calvados/territory.yml": TERRITORY, "calvados/secrets.yml": "directory.verify: hunter2-clear\n"},
    ),
    Case(
        "vault value damaged",
        ["calvados/secrets.yml:1:19: directory.verify: must be a `!vault |` value"],
        {
            "calvados/territory.yml": TERRITORY,
            "calvados/secrets.yml": "directory.verify: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  not hexadecimal\n",
        },
    ),
    Case(
        "vault value cut short",
        ["calvados/secrets.yml:1:19: directory.verify: must be a `!vault |` value"],
        {
            "calvados/territory.yml": TERRITORY,
            "calvados/secrets.yml": f"directory.verify: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  {'31' * 40}\n",
        },
    ),
    Case(
        "vault value of another format",
        ["calvados/secrets.yml:1:19: directory.verify: must be a `!vault |` value"],
        {
            "calvados/territory.yml": TERRITORY,
            "calvados/secrets.yml": "directory.verify: !vault |\n  $ANSIBLE_VAULT;9.9;ROT13\n  3132\n",
        },
    ),
    Case(
        "problems in several files",
        [
            "calvados/territory.yml:2:9: domain: must be a domain name",
            "calvados/subscriptions.yml:2:95: subscribers.exemple.state: must be",
            "manche/territory.yml:8:11: hosts.0.name: must be one label",
        ],
        {
            "calvados/territory.yml": changed("domain: calvados.example", "domain: x"),
            "calvados/subscriptions.yml": changed("state: active", "state: x", SUBSCRIPTIONS),
            "manche/territory.yml": changed("name: caen", "name: x y", OTHER),
        },
    ),
]

YAML = [
    territory("yes", "locale: fr_FR", "locale: yes", f"6:11: partner.locale: {READ_DIFFERENTLY}"),
    territory("off", "locale: fr_FR", "locale: Off", f"6:11: partner.locale: {READ_DIFFERENTLY}"),
    subscriptions("no as a subscriber", "  exemple: {", "  no: {", f"2:3: subscribers: {READ_DIFFERENTLY}"),
    territory("octal", "mailboxes: 1", "mailboxes: 012", f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}"),
    territory(
        "octal of YAML 1.2", "mailboxes: 1", "mailboxes: 0o12", f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}"
    ),
    territory("hexadecimal", "mailboxes: 1", "mailboxes: 0x1", f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}"),
    territory(
        "sexagesimal", "mailboxes: 1", "mailboxes: 1:30", f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}"
    ),
    territory(
        "underscores", "mailboxes: 1", "mailboxes: 1_000", f"16:40: plans.essentiel.mailboxes: {READ_DIFFERENTLY}"
    ),
    territory("exponent", "price: 3.00", "price: 3e2", f"16:50: plans.essentiel.price: {READ_DIFFERENTLY}"),
    territory("not a number", "price: 3.00", "price: .nan", f"16:50: plans.essentiel.price: {READ_DIFFERENTLY}"),
    territory("date", "name: Partenaire d'exemple", "name: 2026-01-31", f"4:9: partner.name: {READ_DIFFERENTLY}"),
    territory("merge key", "  locale: fr_FR", "  <<: {locale: fr_FR}", f"6:3: partner: {READ_DIFFERENTLY}"),
    territory("tab for indentation", "  locale: fr_FR", "\tlocale: fr_FR", "6:1: a tab is used to indent; use spaces"),
    territory("bracket left open", "{ipv4: 203.0.113.11}", "{ipv4: 203.0.113.11", "11:9: this is not YAML"),
    territory("quote left open", "name: caen", 'name: "caen', "17:1: this is not YAML"),
    territory(
        "colon in a plain text", "name: Partenaire d'exemple", "name: Partenaire: d'exemple", "4:19: this is not YAML"
    ),
    territory("wrong indentation", "  locale: fr_FR", "   locale: fr_FR", "6:10: this is not YAML"),
    territory(
        "tag of Python",
        "name: caen",
        "name: !!python/object/apply:os.system [id]",
        "8:11: hosts.0.name: this tag (!) is not used here",
    ),
    territory("tag of text", "name: caen", "name: !!str caen", "8:11: hosts.0.name: this tag (!) is not used here"),
    territory(
        "tag of one's own",
        "name: caen",
        "name: !include /etc/shadow",
        "8:11: hosts.0.name: this tag (!) is not used here",
    ),
    territory(
        "vault value in the territory",
        "name: Partenaire d'exemple",
        f"name: {VAULT}",
        "4:9: partner.name: must be one line of text",
    ),
    territory(
        "vault tag on a mapping",
        "{ipv4: 203.0.113.11}",
        "!vault {ipv4: 203.0.113.11}",
        "10:14: hosts.0.address: this tag (!) is not used here",
    ),
    territory(
        "alias",
        "name: Partenaire d'exemple",
        "name: &nom Partenaire",
        "4:9: anchors (&) and aliases (*) are not used here",
    ),
    content("alias bomb", ALIAS_BOMB, ":1:4: anchors (&) and aliases (*) are not used here"),
    content("alias to itself", "a: &a [*a]\n", ":1:4: anchors (&) and aliases (*) are not used here"),
    content("alias to nothing", "a: *b\n", ":1:4: anchors (&) and aliases (*) are not used here"),
    content("deep nesting in brackets", "a: " + "[" * 100_000, ":1:1: is nested more than 20 levels deep"),
    content("deep nesting by dashes", "- " * 100_000, ":1:1: is nested more than 20 levels deep"),
    content("huge", TERRITORY + "#" * 300_000, ": is larger than 256 KiB"),
    content("list at the top", "- territory: calvados\n", ":1:1: the file must be a mapping"),
    content("text at the top", "calvados\n", ":1:1: the file must be a mapping"),
    content("two documents", f"{TERRITORY}---\n{TERRITORY}", ":17:1: a second document begins here"),
    content(
        "empty", "", *(f":1:1: {name}: is missing" for name in ("territory", "domain", "partner", "hosts", "services"))
    ),
    content(
        "comments alone",
        "# territory: calvados\n",
        *(f":1:1: {name}: is missing" for name in ("territory", "domain", "partner", "hosts", "services")),
    ),
    content(
        "YAML of another age",
        f"%YAML 9.9\n---\n{TERRITORY}",
        ":1:1: this is not YAML (found incompatible YAML document)",
    ),
]

ENCODINGS = [
    content(
        "latin-1",
        TERRITORY.replace("d'exemple", "d'été").encode("latin-1"),
        ":4:22: is not UTF-8 from here on; save it as UTF-8",
    ),
    content("UTF-16", TERRITORY.encode("utf-16"), ": is written in UTF-16; save it as UTF-8"),
    content(
        "UTF-16 without its mark",
        TERRITORY.encode("utf-16-le"),
        ":1:2: a control or invisible character (U+0000) stands here",
    ),
    content("byte order mark", TERRITORY.encode("utf-8-sig"), ":1:1: begins with a byte order mark"),
    content(
        "NUL",
        TERRITORY.replace("d'exemple", "d\0exemple"),
        ":4:21: a control or invisible character (U+0000) stands here",
    ),
    content(
        "escape sequence",
        TERRITORY.replace("d'exemple", "\x1b[2Jd"),
        ":4:20: a control or invisible character (U+001B) stands here",
    ),
    content(
        "bidirectional override",
        TERRITORY.replace("d'exemple", "\u202eelpmexe"),
        ":4:20: a control or invisible character (U+202E) stands here",
    ),
    content(
        "zero-width space",
        TERRITORY.replace("caen", "ca\u200ben"),
        ":8:13: a control or invisible character (U+200B) stands here",
    ),
    territory(
        "control character by an escape",
        "name: Partenaire d'exemple",
        r'name: "Partenaire \e[2J"',
        "4:9: partner.name: an escape in this value stands for a control",
    ),
    territory(
        "NUL by an escape",
        "domain: calvados.example",
        r'domain: "calvados\0.example"',
        "2:9: domain: an escape in this value stands for a control",
    ),
    territory(
        "override by an escape in a key",
        "  essentiel: {",
        '  "\\u202Eessentiel": {',
        "16:3: plans: an escape in this name stands for a control",
    ),
    content(
        "control character in a comment",
        f"{TERRITORY}# \x07\n",
        ":17:3: a control or invisible character (U+0007) stands here",
    ),
]

FILES = [
    content("link to itself", Link("territory.yml"), ": is a link; put the file itself in the territory's folder"),  # type: ignore[arg-type]
    content("link outside", Link("/etc/hostname"), ": is a link; put the file itself in the territory's folder"),  # type: ignore[arg-type]
    content("folder in place of the file", None, ": is not an ordinary file"),  # type: ignore[arg-type]
    Case(
        "link loop of folders",
        ["calvados: is a link; put the territory's folder itself here", "manche: is a link"],
        {"calvados": Link("manche"), "manche": Link("calvados")},
    ),
    Case(
        "territory elsewhere by a link",
        ["calvados: is a link; put the territory's folder itself here"],
        {"calvados": Link("/etc")},
    ),
    Case(
        "other ending",
        ["calvados/territory.yml: is missing, beside territory.yaml"],
        {"calvados/territory.yaml": TERRITORY},
    ),
    Case(
        "subscriptions alone",
        ["calvados/territory.yml: is missing, beside subscriptions.yml"],
        {"calvados/subscriptions.yml": SUBSCRIPTIONS},
    ),
    Case(
        "link for subscriptions",
        ["calvados/subscriptions.yml: is a link"],
        {"calvados/territory.yml": TERRITORY, "calvados/subscriptions.yml": Link("/etc/passwd")},
    ),
    Case(
        "link for secrets",
        ["calvados/secrets.yml: is a link"],
        {"calvados/territory.yml": TERRITORY, "calvados/secrets.yml": Link("territory.yml")},
    ),
]

CASES = [*TYPES, *NAMES, *MEANING, *YAML, *ENCODINGS, *FILES]
