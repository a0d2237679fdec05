"""Does the project work in a strange place? A clean clone, installed under an awkward path and tested with little.

`python tools/strange_places.py [--folder DIR] [--python PYTHON] [COMMAND ...]` clones the committed state into a path
with spaces and letters beyond ASCII, runs `make install` there, and then runs COMMAND (default: `make test`) as a user
who can write into `build/` and a folder for temporary files and nowhere else: not into the checkout, the environment or
the home. One core, no display, and a libEGL that cannot be loaded, so nothing is drawn in 3D. Called by root it hands
the clone to `nobody`; called by anybody else it takes the write permission away from its own clone.

With --folder the clone is kept, and brought up to date by the next call; give it another COMMAND to try one test.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKOUT = "a2f ✓"
NO_EGL = ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.8")


def prepare(place: Path, python: str) -> Path:
    """Clone and install into `place`, or bring what is there up to date; return the checkout."""
    checkout = place / CHECKOUT
    if checkout.is_dir():
        for path in [checkout, *checkout.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IWUSR)
        git = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout)]
        subprocess.run([*git, "pull", "--quiet", "--ff-only"], check=True)
    else:
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(checkout)], check=True)
    subprocess.run(["make", "install", f"PYTHON={python}"], cwd=checkout, check=True)
    return checkout


def take_away(place: Path, checkout: Path) -> Path:
    """Let only build/ and the temporary folder be written to, and leave a home that cannot be; return the home."""
    home = place / "home"
    home.mkdir(exist_ok=True)
    for folder in (checkout / "build", place / "tmp"):
        folder.mkdir(exist_ok=True)
    for name in NO_EGL:  # the loader finds these first, and they are no libraries
        (place / "no egl").mkdir(exist_ok=True)
        (place / "no egl" / name).write_text("not a library\n")
    for path in [checkout, *checkout.rglob("*"), home]:
        if not path.is_symlink() and not path.is_relative_to(checkout / "build"):
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return home


def hand_over(place: Path) -> dict[str, object]:
    """Give the place to `nobody` where we are root, and let that user reach it; return how to start a process so."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    for path in [place, *place.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    interpreter = (place / CHECKOUT / ".venv" / "bin" / "python").resolve()
    for option, reached in (("--folder", place), ("--python", interpreter)):
        for parent in (reached, *reached.parents):
            if not parent.stat().st_mode & stat.S_IXOTH:
                raise SystemExit(f"{parent} is closed to other users; give another {option}")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def environment(place: Path, home: Path) -> dict[str, str]:
    """What the command sees: no display, another home, nothing of the caller's own settings."""
    own = ("XDG_", "JUPYTER", "IPYTHON", "MPL", "DISPLAY", "WAYLAND_DISPLAY", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {"HOME": str(home), "TMPDIR": str(place / "tmp"), "LD_LIBRARY_PATH": str(place / "no egl")}


def proved(checkout: Path, how: dict) -> None:
    """Fail unless the place is as strange as it is said to be."""
    code = (
        "import os, pathlib, ctypes; home = pathlib.Path.home()\n"
        "for folder in (pathlib.Path('.'), pathlib.Path('a2f'), pathlib.Path('.venv'), home):\n"
        "    assert not os.access(folder, os.W_OK), f'{folder} can be written to'\n"
        "assert os.access('build', os.W_OK) and len(os.sched_getaffinity(0)) == 1 and os.geteuid() != 0\n"
        "try:\n    ctypes.CDLL('libEGL.so.1')\n"
        "except OSError:\n    pass\n"
        "else:\n    raise SystemExit('libEGL can be loaded')\n"
    )
    subprocess.run([str(checkout / ".venv" / "bin" / "python"), "-c", code], cwd=checkout, check=True, **how)


def main() -> int:
    """Prepare the place, run the command in it, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where to clone to; kept afterwards (default: a temporary folder)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that `make install` takes")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="default: make test")
    options = parser.parse_args()
    base = options.folder or Path(tempfile.mkdtemp(prefix="a2f-"))
    if options.folder is None:
        base.chmod(0o755)
    place = base.absolute() / "Größe 3 ü b"
    checkout = prepare(place, options.python)
    home = take_away(place, checkout)
    core = min(os.sched_getaffinity(0))
    how = hand_over(place) | {
        "env": environment(place, home),
        "preexec_fn": lambda: os.sched_setaffinity(0, {core}),
    }
    proved(checkout, how)
    command = options.command or ["make", "test"]
    start = time.perf_counter()
    code = subprocess.run(command, cwd=checkout, stdin=subprocess.DEVNULL, check=False, **how).returncode
    print(f"{' '.join(command)}: exit code {code} after {time.perf_counter() - start:.0f} s in {checkout}", flush=True)
    if options.folder is None:
        for path in [base, *base.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(base)
    return 0 if code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
