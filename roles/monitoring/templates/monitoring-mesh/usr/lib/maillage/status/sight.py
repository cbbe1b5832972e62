"""What is seen right now, by this node and by the peers that it hears. From Prometheus."""

import json
import urllib.parse
import urllib.request

# By anybody; the web is looked at often, and may be slow once. Who does not reach the world itself sees nothing.
QUESTION = """
    max by (territory, probe) (max_over_time(probe_success{kind="https"}[30s]) or probe_success{kind!="https"})
    and on () max(probe_success{job="world"}) == 1
"""


def seen(territories):
    """By territory and service: whether it answers; nothing of what nobody looks at, or when Prometheus is silent."""
    query = urllib.parse.quote(QUESTION)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/query?query={query}", timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        found = []
    said = {(each["metric"].get("territory"), each["metric"].get("probe")): each["value"][1] == "1" for each in found}
    return {
        each["name"]: {
            service["name"]: said[each["name"], service["name"]]
            for service in each["services"]
            if (each["name"], service["name"]) in said
        }
        for each in territories
    }
