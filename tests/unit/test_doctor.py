"""What one would look at first, from what a host says of itself, or from what its peers see."""

from __future__ import annotations

import ssl
from typing import Any

from test_card import made

from orchestrator import doctor

WELL: dict[str, Any] = {"restoring": False, "alerts": [], "pending": [], "failed": []}


def alert(alertname: str, territory: str = "calvados", first: str = "systemctl status [name]", **labels: str) -> Any:
    annotations = {"fr": f"{alertname} : [name].", "en": f"{alertname}: [name].", "first": first}
    return {"labels": {"alertname": alertname, "territory": territory} | labels, "annotations": annotations}


def looked(**changed: Any) -> list[str]:
    return [str(each) for each in doctor.judged("calvados", WELL | changed)]


def test_all_is_well() -> None:
    assert looked() == []


def test_what_others_follow_from_comes_first() -> None:
    alerts = [alert("RestartPending"), alert("ServiceDown", name="nginx.service"), alert("DiskFilling")]
    found = looked(alerts=alerts)
    assert [each.split(":")[0] for each in found] == ["DiskFilling", "ServiceDown", "RestartPending"]
    assert found[1] == "ServiceDown: nginx.service.\n   on the host: systemctl status nginx.service"


def test_an_alert_about_a_peer_names_it_and_is_looked_at_from_here() -> None:
    [found] = looked(alerts=[alert("PeerDown", "manche", "python -m orchestrator doctor [territory]")])
    assert found == "manche: PeerDown: .\n   here: python -m orchestrator doctor manche"


def test_what_is_not_an_alert_yet_and_what_nobody_watches() -> None:
    assert looked(pending=[alert("ServiceDown", name="a.service")]) == [
        "Not long enough for an alert yet: ServiceDown: a.service."
    ]
    assert looked(alerts=None)[0].startswith("Nothing watches it: `monitoring: {}`")
    assert looked(failed=["x.service"]) == ["x.service has failed.\n   on the host: systemctl status x.service"]
    told = alert("UnitFailed", name="x.service")
    assert len(looked(failed=["x.service"], alerts=[told])) == 1


def test_a_restore_that_is_not_finished_comes_before_all() -> None:
    assert "restore calvados" in looked(restoring=True, alerts=[alert("DiskFilling")])[0]


def test_a_peer_that_does_not_answer_either() -> None:
    watching = made("manche", wireguard={"ipv4": "10.255.255.1"}, offers={"watches": True})
    doctor_sees = doctor.seen("calvados", [watching, made("orne")], ssl.create_default_context())
    [found] = [str(each) for each in doctor_sees]
    assert found.startswith("manche sees it: its status page does not answer (")
