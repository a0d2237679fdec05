"""Known vulnerabilities of the pinned packages, asked of the Python Package Index by pip-audit.

`python tools/audit.py` makes an environment of its own in build/audit, so that nothing is installed beside what is
audited, and has pip-audit look up every line of requirements.txt. It needs a network. Exit codes: 0 none is known;
1 some are, and are listed; 3 the package or the vulnerability service cannot be reached, so that nothing is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "audit"
VERSION = "2.10.1"
CLEAN, FOUND, UNKNOWN = 0, 1, 3


def main() -> int:
    """Install pip-audit where it is not there yet, run it and say what it found."""
    python = PLACE / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.is_file() or subprocess.run([python, "-c", "import pip_audit"], capture_output=True).returncode:
        venv.create(PLACE, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pip-audit=={VERSION}"]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"audit: not done: pip-audit {VERSION} cannot be installed: {_last(done.stderr)}")
            return UNKNOWN
    command = [python, "-m", "pip_audit", "--requirement", ROOT / "requirements.txt", "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    code, text = verdict(done.stdout, done.stderr)
    print(text)
    return code


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def verdict(output: str, errors: str) -> tuple[int, str]:
    """Return exit code and text from what pip-audit printed."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = _last(errors)
        return UNKNOWN, f"audit: not done: the vulnerability service cannot be reached, or did not answer ({why})"
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none yet'}"
        for package in packages
        for one in package.get("vulns", [])
    ]
    if packages and len(skipped) == len(packages):
        return UNKNOWN, f"audit: not done: the vulnerability service knows none of the {len(packages)} pinned packages"
    looked = f"{len(packages) - len(skipped)} pinned packages looked up"
    if skipped:
        looked += f", {len(skipped)} unknown to the service ({', '.join(skipped)})"
    if found:
        return FOUND, "\n".join([f"audit: {looked}, {len(found)} known vulnerabilities", *found])
    return CLEAN, f"audit: {looked}, no known vulnerability"


if __name__ == "__main__":
    sys.exit(main())
