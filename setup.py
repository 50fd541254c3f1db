"""Compiles identity's core, the hot path, with mypyc where a C compiler is to be had; elsewhere the same files run as they are.

LIANSHU_PURE=1 leaves them as they are in any case.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

PARTS = ("hub/identity/normal", "hub/identity/core")
AS_THEY_ARE = {"__init__.py", "forms.py", "features.py", "memory.py"}
"""msgspec reads the full types of what is stored, which a compiled class no longer tells; tests change the store in memory."""


def extensions() -> list[Extension]:
    """None where they are not wanted. What an earlier build has left would stand before the files it was made of."""
    for left in Path("hub/identity").rglob("*.so"):
        left.unlink()
    if os.environ.get("LIANSHU_PURE"):
        return []
    from mypyc.build import mypycify

    sources = [str(path) for part in PARTS for path in sorted(Path(part).glob("*.py")) if path.name not in AS_THEY_ARE]
    made = mypycify(sources, opt_level="1", debug_level="0", group_name="hub.identity.compiled")
    for extension in made:
        extension.optional = True
    return made


setup(ext_modules=extensions())
