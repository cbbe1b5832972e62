"""What is known of backups, drills and restores: kept as JSON, and as metrics for the node's monitoring."""

from backups import config

GAUGES = {
    "made": ("maillage_backup_timestamp_seconds", "when the last backup was begun"),
    "tried": ("maillage_backup_tried_timestamp_seconds", "when one was tried last"),
    "checked": ("maillage_backup_checked_timestamp_seconds", "when the repository was found whole"),
    "bytes": ("maillage_backup_bytes", "what it holds"),
    "files": ("maillage_backup_files", "what it holds"),
    "took": ("maillage_backup_duration_seconds", "how long it took"),
}
DRILL = {
    "made": ("maillage_drill_timestamp_seconds", "when the last good drill ended"),
    "took": ("maillage_drill_duration_seconds", "how long it took: the RTO of a restore"),
    "lost": ("maillage_drill_lost_seconds", "what would have been lost: the RPO"),
}


def keep(status):
    """Write it down."""
    config.write(config.STATUS, status, 0o644)
    lines = []
    for key, (name, text) in GAUGES.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        for repository, entry in sorted(status.get("repositories", {}).items()):
            if key in entry:
                label = '{repository="' + repository + '"}'
                lines.append(f"{name}{label} {entry[key]:.0f}")
    lines += ["# HELP maillage_backup_failed whether the last try failed", "# TYPE maillage_backup_failed gauge"]
    for repository, entry in sorted(status.get("repositories", {}).items()):
        label = '{repository="' + repository + '"}'
        lines.append(f"maillage_backup_failed{label} {bool(entry.get('error')):d}")
    for key, (name, text) in DRILL.items():
        if key in status.get("drill", {}):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {status['drill'][key]:.0f}"]
    config.write(config.METRICS, "\n".join(lines) + "\n", 0o644)
