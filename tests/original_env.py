"""The original client, unchanged, in an environment of its own: made once from its lock, then only looked up.

A test asks :func:`original_python` for the interpreter and runs its script with it; nothing else is needed.
Run as a program, this module makes the environment and prints the interpreter's path.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".venv-original"
_LOCK = PROJECT / "requirements" / "original-client.lock"


def original_python() -> Path:
    """The interpreter that imports ``ae.oaio_client``, whose environment is (re)made if the lock changed.

    Repeating is safe and quick; processes that ask at the same time wait for the one that makes it.
    """
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    python = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = FOLDER / "lock.sha256"
    with FileLock(FOLDER.with_suffix(".lock")):
        if not (stamp.is_file() and stamp.read_text("utf-8") == wanted):
            shutil.rmtree(FOLDER, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(FOLDER))
            _run(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(_LOCK))
            stamp.write_text(wanted, "utf-8")
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.stdout.write(f"{original_python()}\n")
