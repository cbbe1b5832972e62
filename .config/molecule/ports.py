"""Which TCP ports of a host let a stranger through: ports.py ADDRESS...

Prints a JSON object: address -> the ports that answered, whether something listens there or not. A firewall that drops
what it refuses gives no answer at all. Tried: all well-known ports, and those that services of ours use inside.
"""

from __future__ import annotations

import asyncio
import json
import sys

PORTS = (*range(1, 1025), 3306, 5232, 5432, 6379, 8000, 8080, 8443, 9100, 14000)
PATIENCE = 1.5  # seconds
AT_ONCE = 500  # of the 1024 files that a process may open


async def answers(address: str, port: int, room: asyncio.Semaphore) -> bool:
    """Whether anything comes back: a connection, or its refusal."""
    async with room:
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            return False
        except ConnectionRefusedError:
            return True
        writer.close()
        return True


async def scan(addresses: list[str]) -> dict[str, list[int]]:
    """The ports that answered, by address."""
    room = asyncio.Semaphore(AT_ONCE)
    tried = [(address, port) for address in addresses for port in PORTS]
    results = await asyncio.gather(*(answers(address, port, room) for address, port in tried))
    found: dict[str, list[int]] = {address: [] for address in addresses}
    for (address, port), answered in zip(tried, results, strict=True):
        found[address] += [port] if answered else []
    return found


print(json.dumps(asyncio.run(scan(sys.argv[1:]))))
