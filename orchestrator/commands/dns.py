"""`dns`: the records that a territory needs, each with its reason; what the live DNS says instead; publish them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict

from orchestrator import ansible_vars, dns, engines, mail_secrets, publication, secrets, zone_check
from orchestrator.commands import conclude
from orchestrator.errors import HostUnreachable, UsageError, VerificationFailed
from orchestrator.locations import mesh_folder
from orchestrator.model import Node
from orchestrator.progress import note
from orchestrator.zone_check import Difference

SECONDS = 8  # for one answer
WORDS = {"create": "create ", "change": "change ", "leave": "leave  ", "foreign": "foreign"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="ask the live DNS, and say what it lacks; exit 7 if so")
    how.add_argument("--plan", action="store_true", help="ask whoever `dns:` names, and say what --publish would do")
    how.add_argument("--publish", action="store_true", help="have whoever `dns:` names hold them")


def run(arguments: argparse.Namespace) -> int:
    """Print the records, compare them, or publish them."""
    [node] = engines.load(mesh_folder(arguments.mesh)).select([arguments.territory])
    if node.territory.is_lab:
        secrets.ensure(node)
    if arguments.plan or arguments.publish:
        return _publish(node, arguments)
    if not node.territory.host.address.all:
        note(f"{node.name} has no address yet: `provision {node.name}` gives it one, and more records then follow")
    wanted = ansible_vars.zone(node.territory, mail_secrets.published(node))
    wanted += dns.reverse(wanted, ansible_vars.public_name(node.territory))
    if not arguments.check:
        if not arguments.json:
            print("\n".join(dns.line(record) for record in wanted))
        return conclude({"records": [asdict(record) for record in wanted]}, None, as_json=arguments.json)
    found = list(zone_check.compare(wanted, _asker(node)))
    missing = [each for each in found if each.action in ("create", "change")]
    if not arguments.json:
        print("\n".join(_lines(found)))
    error = None
    if missing:
        error = VerificationFailed(f"{node.name}: {len(missing)} of {len(wanted)} records are not as they should be")
    return conclude({"differences": [asdict(each) for each in found]}, error, as_json=arguments.json)


def _publish(node: Node, arguments: argparse.Namespace) -> int:
    """Have the server hold them, or say what that would change."""
    found = publication.look(node)
    if found is None:
        raise UsageError(
            f"{node.name} names nobody who takes its records: write `dns: {{server: …, key: …}}` or `dns: {{provider: "
            f"hcloud}}` into its territory.yml, or copy what `dns {node.name}` prints"
        )
    if not arguments.json:
        print("\n".join(publication.words(step) for step in found.steps))
    if arguments.publish:
        found.publish()
    return conclude({"steps": [asdict(step) for step in found.steps]}, found.error(), as_json=arguments.json)


def _lines(found: Iterable[Difference]) -> Iterable[str]:
    for each in found:
        now = f"  ; now {each.live}" if each.live else ""
        reason = f"  ; {each.reason}" if each.reason else "  ; not ours, never touched"
        yield f"{WORDS[each.action]} {each.name}. {each.type} {each.data}{now}{reason}"


def _asker(node: Node) -> zone_check.Ask:
    """Asks the lab's resolver about the lab's names, this machine's about all others."""
    from dns import exception
    from dns import resolver as live

    resolver = live.Resolver(configure=not node.territory.is_lab)
    if node.territory.is_lab:
        from orchestrator import lab_internet

        resolver.nameservers = list(lab_internet.RESOLVER[:1])
    resolver.lifetime = SECONDS

    def ask(name: str, kind: str) -> tuple[str, ...]:
        try:
            answer = resolver.resolve(f"{name}.", kind, search=False)
        except (live.NXDOMAIN, live.NoAnswer):
            return ()
        except exception.DNSException as error:
            asked = ", ".join(map(str, resolver.nameservers))
            raise HostUnreachable(f"{name} {kind}: no usable answer from {asked} ({error})") from None
        if answer.canonical_name.to_text(omit_final_dot=True) != name and kind != "CNAME":
            return ()  # the other end of a CNAME, which has a name of its own
        return tuple(record.to_text() for record in answer)

    return ask
