"""A program for tests: what a first `provision` asks of the API, up to the first contact.

`python renting.py MESH TERRITORY` rents what is missing, and prints the steps that it has done, a line each.
"""

import sys
from pathlib import Path

from orchestrator import cloud_token, engines, provisioning
from orchestrator.errors import MaillageError


def rent(mesh: str, name: str) -> list[str]:
    """The steps that were done."""
    rental = provisioning.look(engines.load(Path(mesh)).nodes[name], lambda _: None)
    rental.rent()
    return [f"{step.action} {step.title}" for step in rental.steps]


if __name__ == "__main__":
    cloud_token.take()
    try:
        print("\n".join(rent(*sys.argv[1:])))
    except MaillageError as error:
        sys.exit(f"{error} [{error.exit_code}]")
