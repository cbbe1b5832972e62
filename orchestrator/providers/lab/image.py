"""The images that lab hosts start from: Debian 13 as a blank cloud machine has it, and snapshots of prepared hosts."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestrator.errors import LabUnavailable
from orchestrator.providers.lab.machine import ISOLATED, run
from orchestrator.providers.lab.state import BASE_IMAGE, HostSpec, Place, Report

# What a minimal Debian server from a cloud provider has, no more: whatever a role needs, its contract must name.
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "udev",
    "apt-utils",
    "ca-certificates",
    "iproute2",
    "iputils-ping",
    "openssh-server",
    "python3",
    "sudo",
)
# A clone gets its own name, keys and identity; a container has no console to log in on and nothing to wait for.
PREPARATION = """\
set -e
rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id "$1"/etc/hostname "$1"/etc/resolv.conf
chroot "$1" systemctl --quiet enable systemd-networkd.service
chroot "$1" systemctl --quiet disable systemd-networkd-wait-online.service
chroot "$1" systemctl --quiet mask systemd-firstboot.service
touch "$1"/etc/.updated "$1"/var/.updated
"""
BUILD_TIME = "about 30 s"


def ensure(place: Place, name: str, report: Report) -> Path:
    """The root directory of an image; Debian's is made the first time, once for all hosts.

    Raises:
        LabUnavailable: mmdebstrap failed (no network?), or there is no such snapshot.
    """
    image = place.image(name)
    if image.is_dir():
        return image
    if name != BASE_IMAGE:
        raise LabUnavailable(f"there is no lab image {name!r}: make the snapshot first")
    with place.locked("image"):
        if not image.is_dir():
            report(f"making the Debian 13 image, once ({BUILD_TIME})")
            build(image)
    return image


def build(image: Path) -> None:
    """Make Debian 13's image; a killed run leaves only an unfinished directory."""
    unfinished = image.with_name(f"{image.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    image.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # No mirror is named: mmdebstrap then adds the security and updates suites by itself.
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
    command += [f"--include={','.join(PACKAGES)}", f"--customize-hook={PREPARATION}", "trixie", str(unfinished)]
    try:
        run([*ISOLATED, *command])
    except LabUnavailable as error:
        raise LabUnavailable(
            f"the Debian 13 image cannot be made; are the Debian mirrors within reach? ({error})"
        ) from None
    unfinished.rename(image)


def snapshot(place: Place, spec: HostSpec, label: str) -> None:
    """Copy a stopped host's root, without what is its own, into an image that takes the place of an older one."""
    target = place.image(label)
    unfinished = target.with_name(f"{label}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    directory, lower = place.host(spec.name), place.image(spec.base)
    script = """\
set -e
mount -o loop,noatime "$1/disk.img" "$1/layer"
mount -t overlay -o "lowerdir=$2,upperdir=$1/layer/upper,workdir=$1/layer/work,redirect_dir=on" overlay "$1/root"
cp --archive --reflink=auto "$1/root" "$3"
rm -rf "$3"/etc/ssh/ssh_host_* "$3"/etc/machine-id "$3"/root/.ssh "$3"/var/log/journal/*
"""
    run([*ISOLATED, "sh", "-c", script, "sh", str(directory), str(lower), str(unfinished)])
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
