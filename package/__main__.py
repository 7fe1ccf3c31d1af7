"""`python3 -m package`: build every package, for opkg and for apk, in build/packages. Needs Python alone."""

import sys

from package.recipes import HERE, recipes

from package import apk, ipk

ROOT = HERE.parent
BUILD = ROOT / "build" / "packages"


def main() -> None:
    """Build every package, and print its path and size."""
    for recipe in recipes():
        for pack in (ipk.pack, apk.pack):
            package = pack(recipe, BUILD)
            sys.stdout.write(f"{package.relative_to(ROOT)}: {package.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
