"""`schema`: the JSON Schema of a partner's file, so that an editor helps and checks while one writes."""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file", nargs="?", choices=("territory", "subscriptions"), default="territory", help="default: territory"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    print(text(arguments.file), end="")
    return 0


def text(file: str) -> str:
    """Write the schema of `territory` or `subscriptions` as it stands in inventories/schema/."""
    from orchestrator.model import Subscriptions, Territory

    model = Territory if file == "territory" else Subscriptions
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(mode="validation")}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
