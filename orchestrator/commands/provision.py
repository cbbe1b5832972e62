"""`provision`: rent what a territory's host needs, mend what was changed by hand, and meet the new server."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from orchestrator import cloud_token, engines, hosts, provisioning, rented
from orchestrator.commands import conclude
from orchestrator.locations import mesh_folder
from orchestrator.mesh import Mesh
from orchestrator.model import Node
from orchestrator.progress import note
from orchestrator.provisioning import Rental
from orchestrator.rented import Price


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")


def run(arguments: argparse.Namespace) -> int:
    """Say what it costs, do it, and say what comes next."""
    folder = mesh_folder(arguments.mesh)
    [node] = engines.load(folder).select([arguments.territory])
    rental = provisioning.look(node, note)
    if not arguments.json:
        print("\n".join(lines(rental)), flush=True)
    provide(rental, lambda: engines.load(folder))
    if not arguments.json:
        print(f"{node.name}: its host is there; next: deploy {node.name}")
    return conclude(answer(rental), None, as_json=arguments.json)


def look(node: Node) -> Rental | None:
    """What is rented for a node, and what is to be done; None where nothing is, or nobody gives the token.

    Raises:
        SecretsError: there is no token, and the host is not there yet.
        CloudRefused: no usable answer, or what is wanted cannot be had.
    """
    if not provisioning.is_rented(node):
        return None
    if not cloud_token.given() and hosts.exists(node):
        note(f"{node.name}: without {cloud_token.VARIABLE}, what is rented for it is not looked at")
        return None
    return provisioning.look(node, note)


def provide(rental: Rental, again: Callable[[], Mesh]) -> None:
    """Rent, meet and mount; `again` gives the mesh as the files say by then."""
    rental.rent()
    rental.meet(note)
    rental.mount(again().nodes[rental.node.name])


def answer(rental: Rental) -> dict[str, Any]:
    """The steps and the bill, as data; sums of money are text, exact."""
    total = rented.bill(rental.wanted, rental.prices)
    return {
        "steps": [asdict(step) | {"price": _sums(step.price)} for step in rental.steps],
        "month": _sums(total) | {"currency": rental.prices.currency, "vat": f"{rental.prices.vat.normalize():f}"},
    }


def lines(rental: Rental) -> list[str]:
    """The same in words."""
    prices, total = rental.prices, rented.bill(rental.wanted, rental.prices)
    found = [f"{rental.wanted.host}, at Hetzner Cloud in {rental.wanted.machine.location}:"]
    for step in rental.steps:
        cost = f"  ({step.price.gross:+.2f} {prices.currency} a month)" if step.price != rented.NOTHING else ""
        off = "  (switched off for a minute)" if step.off else ""
        found.append(f"  {step.action} {step.title}: {step.what}{cost}{off}")
    if not rental.steps:
        found.append("  nothing to change")
    found.append(
        f"  in all {total.gross:.2f} {prices.currency} a month with {prices.vat.normalize():f} % VAT, "
        f"{total.net:.2f} without"
    )
    return found


def _sums(price: Price) -> dict[str, str]:
    return {"net": f"{price.net:.4f}", "gross": f"{price.gross:.4f}"}
