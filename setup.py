"""Compiles identity's core, the hot path, with mypyc where a C compiler is to be had; elsewhere the same files run as they are.

LIANSHU_PURE=1 leaves them as they are in any case.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

PARTS = ("hub/identity/normal", "hub/identity/core")
AS_THEY_ARE = {"__init__.py", "forms.py", "features.py", "memory.py"}
"""msgspec reads the full types of what is stored, which a compiled class no longer tells; tests change the store in memory."""
# Of the packages that the files import only msgspec is there when they are compiled (see build-system in pyproject.toml).
FLAGS = ("--ignore-missing-imports", "--no-warn-unused-ignores")


def extensions() -> list[Extension]:
    """None where they are not wanted. What an earlier build has left would stand before the files it was made of."""
    for left in Path("hub/identity").rglob("*.so"):
        left.unlink()
    if os.environ.get("LIANSHU_PURE"):
        return []
    sources = [str(path) for part in PARTS for path in sorted(Path(part).glob("*.py")) if path.name not in AS_THEY_ARE]
    try:
        from mypyc.build import mypycify

        made = mypycify([*FLAGS, *sources], opt_level="1", debug_level="0", group_name="hub.identity.compiled")
    except (Exception, SystemExit) as error:
        sys.stderr.write(f"the core of identity is not compiled: {error}\n")
        return []
    for extension in made:
        extension.optional = True
    return made


setup(ext_modules=extensions())
