"""The figures of README, measured here: `make bench`. Ratios of interleaved pairs; nothing is asserted.

Every figure compares us with a floor in the same minute on the same machine: a ratio holds where seconds do not.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from borrowed import borrowed

from orchestrator import ansible_inventory, ansible_vars, engines
from orchestrator.providers.lab import HostSpec, Lab

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 5
TERRITORY, HOST = "orne", "alencon.orne"
BARE = HostSpec("bench", ("10.99.0.99",), ("fd4d:6169:6c6c::99",), 8 * 10**9)
LAB = Lab()

# What a second deployment looks at, in one shell script: packages, contents, owners and modes, services, accounts.
CHECKS = """\
dpkg-query -Wf '${{db:Status-Abbrev}} ${{Package}}\\n' {packages} > /dev/null
for journal in /var/lib/maillage/tree/*/journal.json; do
    grep -oE '"/[^"]+"' "$journal" | tr -d '"'
done | sort -u | xargs -r stat -c '%n %U %G %a %F' > /tmp/bench-stat
awk '$NF == "file" {{print $1}}' /tmp/bench-stat | xargs -r sha256sum > /dev/null
systemctl is-active {services} > /dev/null
systemctl is-enabled {services} > /dev/null
ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b {suffix} > /dev/null
nft list ruleset > /dev/null
openssl x509 -checkend 2592000 -noout -in /srv/maillage/certificates/live/{domain}/fullchain.pem > /dev/null
"""
SERVICES = "nftables ssh fail2ban unbound slapd nginx radicale apt-daily-upgrade.timer maillage-certificates.timer "
MAIL = (  # and these, where a node has mail
    "postfix dovecot rspamd redis-server@rspamd postfix-mta-sts-resolver maillage-mail-policy.socket maillage-webmail "
)
PSS = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {s += $2} END {print s}'"


def maillage(*arguments):
    command = [sys.executable, "-m", "orchestrator", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")


def wall(action):
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def cpu(command, times=1):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name, target, ours, floor):
    show(name, target, [(ours(), floor()) for _ in range(PAIRS)], "s")


def show(name, target, pairs, unit):
    ratios = sorted(mine / base for mine, base in pairs)
    mine, base = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"{name}: {statistics.median(ratios):.2f} (spread {ratios[0]:.2f}–{ratios[-1]:.2f}; target {target}); "
        f"medians {mine:.3g} {unit} / {base:.3g} {unit}",
        flush=True,
    )


def fresh_deployment():
    LAB.destroy(HOST)
    maillage("lab", "up", TERRITORY)
    return wall(lambda: maillage("deploy", TERRITORY, "--no-verify"))


def bare_host():
    LAB.destroy(BARE.name)
    LAB.up([BARE])


def bare_installation(packages):
    install = f"DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {packages}"
    on(BARE.name, f"set -e; apt-get update -q; {install}", timeout=900)


def fresh_bare_installation(packages):
    bare_host()
    return wall(lambda: bare_installation(packages))


def on(host, script, timeout=120):
    connection = LAB.connection(host)
    connection.close()  # a new connection each time, as a command line makes it
    done = connection.run(script, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


def generated_mesh(folder):
    sample = (ROOT / "inventories" / "normandie" / "calvados" / "territory.yml").read_text()
    for number in range(1000):
        name = f"essai{number}"
        text = sample.replace("calvados", name).replace("provider: lab ", "provider: existing ")
        text = text.replace("    default_plan:", "    engine: radicale\n    default_plan:")
        text = "\n".join(line for line in text.splitlines() if "disk:" not in line)
        text = text.replace("ipv4: 10.99.0.11", f"ipv4: 192.0.{number // 250}.{number % 250 + 1}")
        text = text.replace("fd4d:6169:6c6c::11", f"2001:db8::{number:x}")
        (folder / name).mkdir()
        (folder / name / "territory.yml").write_text(text)


def floor(node, services, checks=CHECKS):
    """The packages of a node, and the script that looks at what a second deployment looks at."""
    variables = ansible_inventory.flat(ansible_vars.node_variables(node, {}, ansible_vars.Surroundings()))
    packages, domain = " ".join(variables["base_packages"]), node.territory.domain
    suffix = ",".join(f"dc={label}" for label in domain.split("."))
    return packages, checks.format(packages=packages, services=services, suffix=suffix, domain=domain)


def main():
    packages, script = floor(engines.load(ROOT / "inventories" / "normandie").nodes[TERRITORY], SERVICES)
    python, me = sys.executable, [sys.executable, "-m", "orchestrator"]

    compare(
        "--help / python -c pass, CPU", 5, lambda: cpu([*me, "--help"], 20), lambda: cpu([python, "-c", "pass"], 20)
    )
    with tempfile.TemporaryDirectory() as folder:
        generated_mesh(Path(folder))
        load = (
            "import sys, yaml, pathlib\n"
            "for path in pathlib.Path(sys.argv[1]).glob('*/*.yml'):\n"
            "    yaml.load(path.read_text(), Loader=yaml.CSafeLoader)"
        )
        compare(
            "validate 1,000 territories / libyaml, CPU",
            5,
            lambda: cpu([*me, "validate", "--mesh", folder]),
            lambda: cpu([python, "-c", load, folder]),
        )
    with borrowed(HOST, BARE.name):
        fresh_deployment()  # fills the cache of packages for both
        compare("first deploy / bare apt-get install", 1.5, fresh_deployment, lambda: fresh_bare_installation(packages))
        LAB.destroy(BARE.name)
        compare(
            "second deploy / one ssh script with the same checks",
            15,
            lambda: wall(lambda: maillage("deploy", TERRITORY, "--no-verify")),
            lambda: wall(lambda: on(HOST, script)),
        )
        time.sleep(30)
        megabytes = int(on(HOST, PSS)) / 1000
        print(f"idle memory of the node as PSS, operating system included: {megabytes:.0f} MB (target 200)")


if __name__ == "__main__":
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        sys.exit("the lab needs root and systemd-nspawn: make setup")
    main()
