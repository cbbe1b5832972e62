"""The last 90 days of each territory: seconds of a day in which it was seen, and those in which not all answered."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from status import files

KEPT = Path("/srv/maillage/status/history.json")
DAYS = 90
LONGEST = 120  # seconds between two looks that still count as one sight
ZONE = ZoneInfo("Europe/Paris")


def today():
    """The date, where the people are who read the page."""
    return datetime.now(ZONE).date()


def dates():
    """Those that are shown, the oldest first."""
    return [(today() - timedelta(days=back)).isoformat() for back in reversed(range(DAYS))]


def go_on(seen):
    """Add the time since the last look, and write it down: by territory and date, seconds seen and of trouble."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"at": 0, "days": {}, "worked": {}}
    now, shown = time.time(), set(dates())
    passed = now - kept["at"] if 0 < now - kept["at"] <= LONGEST else 0
    days = {
        name: {date: entry for date, entry in found.items() if date in shown} for name, found in kept["days"].items()
    }
    worked = kept.get("worked", {})  # nobody is judged for what was never seen to work
    for name, services in seen.items():
        worked[name] = sorted({*worked.get(name, []), *(service for service, good in services.items() if good)})
        judged = [services[service] for service in worked[name] if service in services]
        if judged:
            entry = days.setdefault(name, {}).setdefault(today().isoformat(), [0, 0])
            entry[0] += passed
            entry[1] += passed if not all(judged) else 0
    files.write(KEPT, json.dumps({"at": now, "days": days, "worked": worked}))
    return days


def best(name, views):
    """Of several views of one territory, for each date that of whoever has seen the most of it."""
    found = {}
    for date in dates():
        known = [view[name][date] for view in views if date in view.get(name, {})]
        if known:
            found[date] = max(known)
    return found
