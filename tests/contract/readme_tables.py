"""The table of variables in each role's README, made from its spec by `python tests/contract/readme_tables.py`."""

from __future__ import annotations

import json
import sys
from typing import Any

from role_files import Role, roles

BEGIN, END = "<!-- variables: made from meta/argument_specs.yml -->", "<!-- end of variables -->"


def table(role: Role) -> str:
    """The table, a line for each variable, those inside a list of entries below their list."""
    lines = ["| variable | type | default | what it says |", "|---|---|---|---|"]
    for name, option in role.options.items():
        lines.append(row(f"`{name}`", option))
        lines += [row(f"… `{inner}`", value) for inner, value in option.get("options", {}).items()]
    return "\n".join(lines)


def row(name: str, option: dict[str, Any]) -> str:
    """One line of the table."""
    kind = f"list of {option['elements']}" if option["type"] == "list" else option["type"]
    if "choices" in option:
        kind += ": " + ", ".join(option["choices"])
    default = f"`{json.dumps(option['default'], ensure_ascii=False)}`" if "default" in option else ""
    if option.get("required"):
        default = "required"
    return f"| {name} | {kind} | {default} | {option['description']} |"


def refreshed(role: Role) -> str:
    """The README as it should be.

    Raises:
        ValueError: it has no place for the table.
    """
    before, found, rest = (role.folder / "README.md").read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"roles/{role.name}/README.md: put the lines {BEGIN} and {END} where the table goes")
    return f"{before}{BEGIN}\n{table(role)}\n{END}{after}"


if __name__ == "__main__":
    for each in roles():
        (each.folder / "README.md").write_text(refreshed(each), encoding="utf-8")
        sys.stdout.write(f"roles/{each.name}/README.md\n")
