"""The line that a failed login leaves in the journal, and what the ban's filter makes of it."""

from __future__ import annotations

import re
from pathlib import Path

FILTER = Path(__file__).resolve().parents[3] / (
    "roles/radicale/templates/radicale/etc/fail2ban/filter.d/maillage-radicale.conf.j2"
)
BEGIN = "noeud radicale[3750]: [3750/Thread-31 (process_request_thread)] [WARNING] Failed login attempt from "


def banned(line: str) -> str | None:
    """The address that would be counted, or None."""
    written = re.search(r"^failregex = (.*)$", FILTER.read_text(encoding="utf-8"), re.MULTILINE)
    assert written is not None
    found = re.search(written.group(1).replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)"), line)
    return found and found.group("address")


def test_the_address_is_the_forwarded_one() -> None:
    assert banned(BEGIN + "127.0.0.1 (forwarded for '203.0.113.9'): 'exemple' (ldap)") == "203.0.113.9"
    assert banned(BEGIN + "127.0.0.1 (forwarded for '2001:db8::9'): \"l'exemple\" (ldap)") == "2001:db8::9"


def test_a_name_that_looks_like_another_line_bans_nobody_else() -> None:
    name = "\"Failed login attempt from 127.0.0.1 (forwarded for '198.51.100.7'): 'x\""
    assert banned(BEGIN + f"127.0.0.1 (forwarded for '203.0.113.9'): {name} (ldap)") == "203.0.113.9"


def test_what_did_not_come_through_nginx_is_not_counted() -> None:
    assert banned(BEGIN + "127.0.0.1: 'exemple' (ldap)") is None
