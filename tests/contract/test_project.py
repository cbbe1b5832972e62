"""The project's own order: who may import whom, what the lock must say, what never stands in the repository."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "orchestrator"

# What each layer may know of the package: the ones before it. A module that is not named is found by its folder.
LAYERS = [
    {"errors", "locations", "__init__"},
    {
        "files",
        "yamlfile",
        "fields",
        "lab_world",
        "mail_model",
        "backup_model",
        "monitoring_model",
        "dns_model",
        "vault",
        "contract",
        "dns",
        "mail_keys",
        "mesh_keys",
        "recovery_sheet",
        "vaulted",
        "outcome",
        "progress",
    },
    {"host_model"},
    {"model", "explain", "recovery", "report", "runner", "ssh"},
    {
        "accounts",
        "card",
        "checks",
        "findings",
        "mail_checks",
        "backup_checks",
        "secret_graph",
        "secretsfile",
        "keys",
        "cloud_token",
        "rented",
        "dns_publish",
        "zone_check",
        "providers",
        "mail_preflight",
        "mail_vars",
        "backup_vars",
        "monitoring_vars",
        "preflight",
        "drills",
        "archive",
        "apps",
    },
    {
        "mesh",
        "cards",
        "mail_secrets",
        "secrets",
        "subscriptions",
        "ansible_inventory",
        "ansible_vars",
        "yaml_edit",
        "dns_update",
        "verify",
        "engines",
    },
    {"lab_internet"},
    {"lab_services"},
    {"lab_correspondent"},
    {"hosts", "first_contact", "publication", "foreseen"},
    {"deployment", "host_backup", "node_status", "doctor", "graphs", "packages", "provisioning"},
    {"commands", "vault_client"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))


def imported(path):
    """Names of what a module imports, where types alone are meant left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_module_has_its_layer():
    assert {part(path) for path in SOURCES} == set(RANK)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_points_back_up(path):
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] == "orchestrator" and len(pieces) > 1 and pieces[1] in RANK:
            assert RANK[pieces[1]] <= RANK[part(path)], f"{path.name} imports {name}"


@pytest.mark.parametrize(("library", "only"), [("ansible_runner", "runner.py"), ("ruamel", "yaml_edit.py")])
def test_one_module_knows_the_library(library, only):
    users = {path.name for path in SOURCES if any(name.split(".")[0] == library for name in imported(path))}
    assert users == {only}


def test_one_folder_knows_hetzners_library():
    users = [path for path in SOURCES if any(name.split(".")[0] == "hcloud" for name in imported(path))]
    assert users
    assert all(path.parent == PACKAGE / "providers" / "hcloud" for path in users)


def locked():
    """Name to version and number of hashes, from requirements.lock."""
    found, name = {}, ""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line):
            name = canonicalize_name(match[1])
            found[name] = [Version(match[2]), 0]
        elif "--hash=sha256:" in line:
            found[name][1] += 1
    return found


def test_lock_and_pyproject_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]
    found = locked()
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        assert name in found, f"{name} is not locked; run make lock"
        assert found[name][0] in requirement.specifier, f"{name} {found[name][0]} is locked; run make lock"
    assert all(hashes for _, hashes in found.values())


def test_lock_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|index-url|find-links|^-", text, re.MULTILINE)


def test_files_are_short():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    long = []
    for name in tracked:
        limit = 250 if re.match(r"(orchestrator|plugins)/.*\.py$", name) else 0
        limit = 120 if re.match(r"roles/.*/tasks/.*\.yml$|README\.md$", name) else limit
        if limit and len((ROOT / name).read_text().splitlines()) > limit:
            long.append(name)
    assert long == []
