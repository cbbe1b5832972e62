"""What nodes tell each other: how they have seen each other's days, and what their partners have written."""

import http.client
import json
import re
import time
from pathlib import Path

from status import files

FOLDER = Path("/srv/maillage/status")
TOLD, INCIDENTS, HEARD = FOLDER / "told.json", FOLDER / "incidents.json", FOLDER / "heard"
PORT = 9080
PATIENCE = 10  # seconds for all that one peer has to tell
LARGEST = 1_000_000  # bytes of it
MOST = 50  # incidents
LONGEST = 500  # characters
REFUSED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
AWAY = (OSError, http.client.HTTPException)


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
                files.write(kept, json.dumps(checked(json.loads(asked(peer["mesh_address"])))))
            except (*AWAY, *REFUSED):
                pass  # it is away, or says nonsense: what it told last holds, and the page says how it is
        if kept.exists():
            found[peer["name"]] = json.loads(kept.read_text())
    return found


def asked(address):
    """What a peer tells. No redirect is followed, and nobody's slowness keeps the page from the others.

    Raises:
        OSError, http.client.HTTPException, ValueError: nothing whole came in time.
    """
    end, said = time.monotonic() + PATIENCE, b""
    connection = http.client.HTTPConnection(address, PORT, timeout=PATIENCE)
    try:
        connection.request("GET", "/told.json")
        answer = connection.getresponse()
        while chunk := answer.read1(65536):
            said += chunk
            if len(said) > LARGEST or time.monotonic() > end:
                raise ValueError("too much, or too slow")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ValueError(answer.status)
    return said


def checked(said):
    """What a peer says, as far as it is what it should be: it comes from somebody else.

    Raises:
        ArithmeticError, AttributeError, LookupError, TypeError, ValueError: it is not.
    """
    days = {
        str(name): {
            date: [within(each, 90_000) for each in (entry[0], entry[1])]
            for date, entry in view.items()
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date)
        }
        for name, view in said["days"].items()
    }
    latest = time.time() + 366 * 86400
    written = [
        {
            "begin": within(each["begin"], latest),
            "end": None if each["end"] is None else within(each["end"], latest),
            "fr": str(each["fr"])[:LONGEST],
            "en": str(each["en"])[:LONGEST],
        }
        for each in said["incidents"][:MOST]
    ]
    return {"days": days, "incidents": written}


def within(number, most):
    """A number from 0 to the most that makes sense."""
    return min(max(0, int(number)), int(most))
