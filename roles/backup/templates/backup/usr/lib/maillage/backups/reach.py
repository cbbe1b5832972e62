"""Whether there is an answer where backups go.

restic itself would try for a quarter of an hour, or fill the disk below a folder on which nothing is mounted.
"""

import http.client
import os
import subprocess
from urllib.parse import urlsplit

from backups import restic
from backups.config import BackupError


def check(name, url, probe, seconds=10):
    """See that a peer or a server answers, or that a folder is there.

    Args:
        name: of the place, for people.
        url: as restic writes it, with a slash at the end.
        probe: a file below it, which need not be there.
        seconds: that a peer has.

    Raises:
        BackupError: it does not.
    """
    address = urlsplit(url.removeprefix("rest:"))
    if address.scheme == "http":
        _peer(name, address, probe, seconds)
    elif address.scheme == "sftp":
        _server(name, address)
    elif not os.path.isdir(url):
        raise BackupError(f"{url} is not there: mount its disk")


def _peer(name, address, probe, seconds):
    try:
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=seconds)
        connection.request("GET", f"/{probe}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise BackupError(f"{name} does not answer ({getattr(error, 'strerror', None) or error})") from None
    if status == 403:
        raise BackupError(f"{name} does not know this territory; its partner must import its card and deploy")
    if status not in (200, 404):
        raise BackupError(f"{name} answers with an error ({status}); call its partner")


def _server(name, address):
    words = ["-p", str(address.port), "-s", f"{address.username}@{address.hostname}", "sftp"]
    tried = subprocess.run(["ssh", "-F", restic.SSH, *words], stdin=subprocess.DEVNULL, capture_output=True)
    if tried.returncode:
        said = (tried.stderr.decode(errors="replace").strip().splitlines() or ["no answer"])[-1]
        if "Host key verification failed" in said:
            raise BackupError(f"{name}: {address.hostname} has another key than `host_key` in territory.yml says")
        if "Permission denied" in said:
            raise BackupError(f"{name}: {address.hostname} lets no one in with the key that `backup key` prints")
        raise BackupError(f"{name}: {address.hostname} cannot be used ({said})")
