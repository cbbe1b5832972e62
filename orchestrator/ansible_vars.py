"""From the validated mesh to Ansible's inventory: the one place where a field meets a role variable. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from orchestrator import accounts, backup_vars, contract, dns, mail_vars, monitoring_vars, vaulted
from orchestrator.apps import AppArchive
from orchestrator.card import Card
from orchestrator.card import address as mesh_address
from orchestrator.mail_keys import Published
from orchestrator.model import Node, Release, Territory
from orchestrator.vaulted import Variables

ALWAYS = ("base", "resolver", "certificates", "directory", "web")
OPTIONAL = (
    "mesh",
    "backup_server",
    "database",
    "redis",
    "webmail",
    "radicale",
    "nextcloud",
    "mail",
    "backup",
    "monitoring",
)
MAIL_UNITS = ("postfix.service", "dovecot.service", "maillage-mail-settings.service")
INSTANCES = {"nextcloud": "nextcloud", "rspamd": "mail"}  # of Redis, each for one role
READERS = ("radicale", "nextcloud", "mail", "webmail")  # of the directory, each with an account of its own
ENGINES = ("radicale", "nextcloud")  # of the cloud


@dataclass(frozen=True)
class Surroundings:
    """What a territory finds outside its host; the defaults are those of the real Internet.

    Attributes:
        networks: ranges, in CIDR form, that no ban may touch.
        forwarders: resolvers to ask instead of the authoritative servers.
        trust_anchors: DS records of signed zones that the root does not vouch for.
        private_zones: zones of private use that are served all the same.
        acme_directory: address of the certificate authority.
        acme_ca: PEM of the authority that signs the certificate authority's own HTTPS.
    """

    networks: tuple[str, ...] = ()
    forwarders: tuple[str, ...] = ()
    trust_anchors: tuple[str, ...] = ()
    private_zones: tuple[str, ...] = ()
    acme_directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    acme_ca: str = ""


def host_name(node: Node) -> str:
    """The name of a node's host in the inventory."""
    return f"{node.territory.host.name}.{node.name}"


def roles(territory: Territory) -> dict[str, Variables]:
    """The roles that are on, with the variables that their contracts' `when` may name."""
    engine = {"radicale": ("radicale",), "nextcloud": ("database", "redis", "nextcloud"), None: ()}[territory.engine]
    mail = ("redis", "webmail", "mail") if territory.services.mail else ()
    mesh = ("mesh", *(("backup_server",) if territory.mesh.keeps else ())) if territory.mesh else ()
    others = [name for name in ("backup", "monitoring") if getattr(territory.services, name)]
    needed = {*engine, *mail, *mesh, *others}
    further = {"monitoring": {"monitoring_mesh": territory.mesh is not None}}
    on = {role: {f"{role}_enabled": True, **further.get(role, {})} for role in OPTIONAL if role in needed}
    return {role: {} for role in ALWAYS} | on


def place(territory: Territory) -> dns.Place:
    """Where the territory's names lead to."""
    host, mail = territory.host, territory.services.mail
    senders = f"include:{mail.smarthost.spf} " if mail and mail.smarthost else ""
    return dns.Place(territory.domain, territory.mail_domains[1:], host.name, host.address.all, senders)


def zone(territory: Territory, keys: Published | None = None) -> list[dns.Record]:
    """The territory's DNS records.

    Args:
        territory: whose.
        keys: what they say of the mail's keys; without it these records are left out.
    """
    return dns.zone(place(territory), roles(territory), keys)


def public_name(territory: Territory) -> str:
    """The name that the host goes by: the one that its addresses lead back to, and that it greets others with."""
    return f"{dns.MAIL if territory.services.mail else territory.host.name}.{territory.domain}"


def peers(node: Node, others: Iterable[Node]) -> list[str]:
    """The territories whose Nextcloud a node's own exchanges with: those of the same mesh, and of the same internet."""
    chosen = [other for other in others if other.name != node.name and "nextcloud" in roles(other.territory)]
    return [
        f"https://cloud.{each.territory.domain}" for each in chosen if each.territory.is_lab == node.territory.is_lab
    ]


def node_variables(
    node: Node,
    secrets: Mapping[str, str],
    around: Surroundings,
    release: Release | None = None,
    others: Iterable[Node] = (),
    archives: Mapping[str, AppArchive] | None = None,
    cards: Sequence[Card] = (),
) -> dict[str, Variables]:
    """Every variable of a node, by role.

    Args:
        node: the territory.
        secrets: ciphertexts by dotted name; one that is missing leaves its variable out.
        around: what the host finds outside.
        release: the archive of Nextcloud, where one is at hand; without it the host must have one already.
        others: the territories of the mesh.
        archives: of apps, by their names.
        cards: of the peers in the mesh.
    """
    territory, on = node.territory, roles(node.territory)
    host, domain = territory.host, territory.domain
    own = territory.resolver
    forwarders = [str(each) for each in own.forwarders] if own else list(around.forwarders)
    apps = list(territory.services.cloud.apps if territory.services.cloud else ())
    contracts = declared(on)
    return {
        "base": {
            "base_hostname": f"{host.name}.{domain}",
            "base_packages": sorted({p.name for c, known in contracts for p in contract.active(c.packages, known)}),
            "base_debconf": [
                f"{d.package} {d.question} {d.type} {d.value}"
                for c, known in contracts
                for d in contract.active(c.debconf, known)
            ],
            "base_ports": ports(contracts, mesh=False),
            "base_mesh_ports": ports(contracts, mesh=True),
            "base_ssh_port": host.ssh.port if host.ssh else 22,
            "base_ssh_keys": list(territory.partner.ssh_keys),
            "base_trusted_networks": list(around.networks),
        },
        "resolver": {
            "resolver_forwarders": forwarders,
            "resolver_trust_anchors": list(around.trust_anchors),
            "resolver_insecure_zones": ["."] if around.trust_anchors else [],
            "resolver_private_zones": list(around.private_zones),
        },
        "certificates": {
            "certificates_wanted": dns.certificates(place(territory), on),
            **vaulted.of_role("mail", secrets, on, "mail.tls", "certificates_key_ring"),
            "certificates_contact": territory.partner.contact,
            "certificates_acme_directory": territory.acme.directory if territory.acme else around.acme_directory,
            "certificates_trusted_ca": around.acme_ca,
            "certificates_reload": ["nginx.service", *(MAIL_UNITS if "mail" in on else ())],
        },
        "directory": {
            "directory_domain": domain,
            "directory_services": [
                {"name": role, **vaulted.secret(secrets, f"directory.{role}")}
                for role in (*ENGINES, "mail", "webmail")
                if role in on
            ],
            "directory_password_writers": ["nextcloud"] if "nextcloud" in on else [],
            "directory_subscribers": accounts.everybody(
                node, lambda name: vaulted.secret(secrets, f"directory.{name}")
            ),
            **vaulted.secret(secrets, "subscribers", "directory_first_passwords"),
        },
        "web": {
            "web_domain": domain,
            "web_further_domains": list(place(territory).further),
            "web_partner_name": territory.partner.name,
            "web_partner_contact": territory.partner.contact,
            "web_mail": "mail" in on,
            "web_status": on.get("monitoring", {}).get("monitoring_mesh", False),
            "web_cloud": "radicale" in on or "nextcloud" in on,
        },
        "mesh": {
            "mesh_enabled": "mesh" in on,
            "mesh_address": str(mesh_address(territory.mesh.name, node.name)) if territory.mesh else "",
            "mesh_peers": [_mesh_peer(each, territory) for each in cards],
            **vaulted.of_role("mesh", secrets, on, "mesh.wireguard", "mesh_private_key"),
        },
        "backup": backup_vars.backup(node, secrets, cards, on),
        "monitoring": monitoring_vars.monitoring(node, cards, on, forwarders),
        "backup_server": backup_vars.server(node, cards, on),
        "database": {"database_enabled": "database" in on, "database_names": ["nextcloud"]},
        "redis": {
            "redis_enabled": "redis" in on,
            "redis_instances": [name for name, role in INSTANCES.items() if role in on],
        },
        "radicale": {
            "radicale_enabled": "radicale" in on,
            "radicale_domain": domain,
            "radicale_locale": territory.partner.locale,
            **vaulted.of_role("radicale", secrets, on, "directory.radicale", "radicale_directory_password"),
        },
        "mail": mail_vars.mail(node, secrets, others, on),
        "webmail": mail_vars.webmail(node, secrets, on),
        "nextcloud": {
            "nextcloud_enabled": "nextcloud" in on,
            "nextcloud_domain": domain,
            "nextcloud_name": territory.partner.name,
            "nextcloud_locale": territory.partner.locale,
            "nextcloud_subscribers": accounts.of_cloud(node),
            "nextcloud_mail": "mail" in on,
            "nextcloud_internet": not territory.is_lab,
            "nextcloud_apps": apps,
            "nextcloud_app_archives": {app: asdict(archives[app]) for app in apps if app in archives}
            if archives
            else {},
            "nextcloud_trusted_networks": list(around.networks),
            "nextcloud_peers": peers(node, others),
            "nextcloud_private_peers": territory.is_lab,
            **({"nextcloud_release": asdict(release)} if release else {}),
            **vaulted.of_role("nextcloud", secrets, on, "directory.nextcloud", "nextcloud_directory_password"),
        },
    }


def declared(on: Mapping[str, Variables]) -> list[tuple[contract.Contract, Variables]]:
    """The contracts of roles, each with the variables that its entries' `when` may name."""
    return [(contract.load(role), known) for role, known in on.items()]


def ports(contracts: Iterable[tuple[contract.Contract, Variables]], *, mesh: bool) -> list[Variables]:
    """What the firewall opens: to everybody, or to peers over the mesh alone."""
    return [
        {"port": each.port, "protocol": each.protocol, "reason": each.reason}
        for found, known in contracts
        for each in contract.active(found.ports, known)
        if each.mesh is mesh
    ]


def _mesh_peer(card: Card, territory: Territory) -> Variables:
    """A peer, as WireGuard has it."""
    way = card.wireguard
    found = way.reached_from(territory.host.address.ipv4 is not None)
    endpoint = f"[{found}]:{way.port}" if found and found.version == 6 else f"{found}:{way.port}"
    return {"name": card.territory, "key": way.key, "address": str(way.address), "endpoint": endpoint}
