"""`doctor`: ask a live node, or its peers when it is silent, and say what one would look at first."""

from __future__ import annotations

import argparse
import ssl
from dataclasses import asdict

from orchestrator import cards, doctor, engines
from orchestrator.commands import conclude
from orchestrator.locations import mesh_folder
from orchestrator.model import Node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("territory", metavar="TERRITORY")


def run(arguments: argparse.Namespace) -> int:
    """Print what there is to look at, the most urgent first; exit 5 when the host could not be asked."""
    loaded = engines.load(mesh_folder(arguments.mesh))
    [node] = loaded.select([arguments.territory])
    found, error = doctor.findings(node, cards.peers(node, loaded), lambda: _authority(node))
    if not arguments.json:
        for number, finding in enumerate(found, 1):
            print(f"{number}. {finding}")
        if not (found or error):
            print(f"{node.name}: nothing to mend; `verify {node.name}` uses it from outside")
    answer = {"territory": node.name, "findings": [asdict(each) for each in found]}
    return conclude(answer, error, as_json=arguments.json)


def _authority(node: Node) -> ssl.SSLContext:
    if not node.territory.is_lab:
        return ssl.create_default_context()
    from orchestrator import lab_services

    return ssl.create_default_context(cafile=lab_services.authorities())
