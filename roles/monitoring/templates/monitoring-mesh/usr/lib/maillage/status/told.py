"""What nodes tell each other: how they have seen each other's days, and what their partners have written."""

import json
import re
import urllib.request
from pathlib import Path

from status import files

FOLDER = Path("/srv/maillage/status")
TOLD, INCIDENTS, HEARD = FOLDER / "told.json", FOLDER / "incidents.json", FOLDER / "heard"
PORT = 9080
LARGEST = 1_000_000  # bytes
MOST = 50  # incidents
LONGEST = 500  # characters


def incidents():
    """What this node's partner has written, the latest first."""
    return json.loads(INCIDENTS.read_text()) if INCIDENTS.exists() else []


def tell(days, written):
    """For the peers."""
    files.write(TOLD, json.dumps({"days": days, "incidents": written}))


def heard(peers):
    """What each peer tells, or has told last."""
    HEARD.mkdir(exist_ok=True)
    found = {}
    for peer in peers:
        kept = HEARD / f"{peer['name']}.json"
        if peer["watches"]:
            try:
                with urllib.request.urlopen(f"http://[{peer['mesh_address']}]:{PORT}/told.json", timeout=5) as answer:
                    files.write(kept, json.dumps(checked(json.loads(answer.read(LARGEST)))))
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                pass  # it is away, or says nonsense: what it told last holds, and the page says how it is
        if kept.exists():
            found[peer["name"]] = json.loads(kept.read_text())
    return found


def checked(said):
    """What a peer says, as far as it is what it should be: it comes from somebody else.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not.
    """
    days = {
        str(name): {
            date: [min(float(entry[0]), 90_000), min(float(entry[1]), 90_000)]
            for date, entry in view.items()
            if re.fullmatch(r"\d{4}-\d\d-\d\d", date)
        }
        for name, view in said["days"].items()
    }
    written = [
        {
            "begin": float(each["begin"]),
            "end": None if each["end"] is None else float(each["end"]),
            "fr": str(each["fr"])[:LONGEST],
            "en": str(each["en"])[:LONGEST],
        }
        for each in said["incidents"][:MOST]
    ]
    return {"days": days, "incidents": written}
