"""A host's own small disk is full, of bytes or of files: what runs goes on reading, a deployment says so in one
sentence, and converges when there is room again."""

import time

import pytest

CHANGE = ("name: Partenaire d'exemple de l'Orne", "name: Un nom de plus")
FREE = "$(($(stat -f -c '%a * %S' /) - 2000000))"
SPACE = f"fallocate -l {FREE} /filler; dd if=/dev/zero of=/filler.end bs=4K 2> /dev/null; true"
FILES = "cd $(mktemp -d /fillers.XXXX); seq 1 $(stat -f -c %d /) | xargs touch 2> /dev/null; true"
MANY = FILES.replace("$(stat -f -c %d /)", "$(($(stat -f -c %d /) - 20000))")
# As soon as a deployment holds the lock: it has seen by then that there is room.
MEANWHILE = """touch /filler.begun
cat > /filler.sh << 'END'
until test /run/maillage.lock -nt /filler.begun; do sleep 0.05; done
{}
END
systemd-run --quiet --collect sh /filler.sh"""
# When it happens, how it is done, how the deployment ends, and what it says.
FULL = {
    "bytes before": (SPACE, 5, "of free disk"),
    "files before": (FILES, 5, "more files (inodes)"),
    "bytes meanwhile": (MEANWHILE.format(SPACE), 6, "No space left on device"),
    "files meanwhile": (f"{MANY}; {MEANWHILE.format(FILES)}", 6, "No space left on device"),
}


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk(orne, note, what):
    script, code, sentence = FULL[what]
    orne.deploy()
    stored = [orne.store(f"{what.replace(' ', '-')}")]
    page = orne.page()
    orne.edit("territory.yml", CHANGE)
    try:
        orne.on(script)
        with orne.watched() as served:
            said = orne.run("deploy", orne.name, "--no-verify", code=code)
        [line] = [line for line in said.splitlines() if line.startswith(f"{orne.host}: ")]
        assert sentence in line
        assert orne.lost(stored) == []
        assert orne.on("systemctl is-active nginx radicale slapd unbound").split() == ["active"] * 4
        orne.on("rm -rf /filler*")
        begun = time.monotonic()
        orne.deploy()
        note(f"disk full of {what}", lost=len(orne.lost(stored)), seconds=time.monotonic() - begun)
        assert page in served
        assert served <= {page, orne.page()}
        assert orne.page() != page
    finally:
        orne.on("rm -rf /filler*")
        orne.edit("territory.yml", CHANGE[::-1])
    orne.deploy()
    assert orne.deploy()["changes"] == []
    assert orne.left() == []
