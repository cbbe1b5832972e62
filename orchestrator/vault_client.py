"""The vault client of plain Ansible: prints one territory's key. Ansible gives the label of the vault id."""

from __future__ import annotations

import argparse
import sys

from orchestrator import mesh, secrets
from orchestrator.errors import MaillageError
from orchestrator.locations import mesh_folder

NO_KEY = 2  # Ansible's own convention: it goes on with its other keys


def main() -> int:
    """Print the key that `--vault-id` asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vault-id", required=True, metavar="TERRITORY")
    name = parser.parse_args().vault_id
    try:
        [node] = mesh.load(mesh_folder(None), only=[name]).select([name])
        sys.stdout.write(secrets.load_key(node).get_secret_value())
    except MaillageError as error:
        sys.stderr.write(f"{error}\n")
        return NO_KEY
    return 0


if __name__ == "__main__":
    sys.exit(main())
