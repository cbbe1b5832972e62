from orchestrator import report
from orchestrator.outcome import Change, Collector, reason


def result(kind, host="caen.calvados", role="web", task="Configure nginx", **res):
    data = {"host": host, "role": role, "task": task, "duration": 1.5, "res": res}
    return {"event": f"runner_on_{kind}", "event_data": data}


def gather(*events):
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.outcome


def test_declared_changes_are_taken_one_by_one():
    outcome = gather(
        result("ok", changed=True, changes=[{"kind": "file", "name": "/etc/a", "action": "create"}]),
        result("ok", changed=True, task="Stock task"),
        result("ok", changed=False, changes=[]),
    )
    assert outcome.changes == [
        Change("caen.calvados", "web", "file", "/etc/a", "create"),
        Change("caen.calvados", "web", "task", "Stock task", "run"),
    ]
    assert outcome.seconds == {("caen.calvados", "web"): 4.5}


def test_what_could_not_be_done_is_said():
    outcome = gather(result("ok", changed=False, changes=[], notices=["no app store"]), result("ok", changed=False))
    assert outcome.notices == [("caen.calvados", "no app store")]
    assert list(report.notices(outcome + outcome)) == ["caen.calvados: no app store"] * 2
    assert outcome.as_data()["notices"] == [{"host": "caen.calvados", "message": "no app store"}]


def test_a_rescued_failure_is_no_failure_and_a_final_one_keeps_its_words():
    rescued = gather(result("failed", msg="once"), {"event": "playbook_on_stats", "event_data": {"failures": {}}})
    assert rescued.failures == []
    stats = {"event": "playbook_on_stats", "event_data": {"failures": {"caen.calvados": 1}, "dark": {"b": 1}}}
    ended = gather(result("failed", msg="no space left"), result("unreachable", host="b", msg="timed out"), stats)
    assert [(failure.host, failure.reason, failure.unreachable) for failure in ended.failures] == [
        ("caen.calvados", "no space left", False),
        ("b", "timed out", True),
    ]
    assert report.failures(ended).splitlines() == [
        "caen.calvados: web: Configure nginx: no space left",
        "b: the host does not answer: timed out",
    ]


def test_reason_prefers_words_over_codes():
    assert reason({"msg": "non-zero return code", "stderr": "first\nnginx: bad directive"}) == "nginx: bad directive"
    assert reason({}) == "the task gave no reason"


def test_report_counts_by_role_and_lists_each_on_demand():
    changes = [
        {"kind": "package", "name": "nginx", "action": "install"},
        {"kind": "package", "name": "slapd", "action": "install"},
        {"kind": "service", "name": "nginx.service", "action": "reload"},
    ]
    outcome = gather(result("ok", changed=True, changes=changes))
    (line,) = report.changes(outcome, each=False)
    assert line.split(maxsplit=2)[2] == "install 2 packages, reload 1 service"
    assert list(report.changes(outcome, each=True))[1:] == [
        "      + package nginx",
        "      + package slapd",
        "      ~ service nginx.service",
    ]
