"""requirements.lock lets nothing in but what it was made from."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = re.compile(
    r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def test_the_makefile_asks_for_them():
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_another_content_under_the_same_name_is_refused(tmp_path):
    found = REQUIREMENT.search((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    name, version = found[1], found[2]
    with zipfile.ZipFile(tmp_path / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        folder = f"{name}-{version}.dist-info"
        wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nGenerator: sample\nTag: py3-none-any\n")
        wheel.writestr(f"{folder}/RECORD", "")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--find-links", str(tmp_path)]

    def install(requirement, folder):
        (tmp_path / "lock").write_text(requirement, encoding="utf-8")
        command = [*pip, "--target", str(tmp_path / folder), "-r", str(tmp_path / "lock")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    refused = install(found[0], "locked")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "locked").exists()
    assert install(f"{name}=={version}\n", "free").returncode == 0  # it is for its hash alone that it was refused
