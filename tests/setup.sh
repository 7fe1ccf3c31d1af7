#!/bin/sh
# Installs what the targets of the Makefile need on a bare Debian, in parts, which the arguments name: `venv` (.venv by
# Python alone, on any system), `python` (.venv and Debian's package for it), `check` (for the tests without a virtual
# machine), `kernel` (user-mode kernels), `stock` (Debian's kernel in QEMU), `demo`. Without arguments: `python`, `check`,
# `kernel` and `stock`. What is installed already is left alone. Kernels go into the user's cache, never into /boot.
set -eu
cd "$(dirname "$0")/.."

compiler="gcc make"
network="busybox-static nftables conntrack iperf3 ethtool kmod iproute2 tcpdump procps ppp pppoe hostapd iw wireguard-tools"
packages_python="python3-venv"
packages_check="busybox-static nftables iproute2 procps file chromium-headless-shell fonts-dejavu-core nodejs prometheus"
packages_kernel="$network $compiler flex bison bc xz-utils"
packages_stock="$network $compiler pahole qemu-system-x86 e2fsprogs file"

say() {
    printf 'setup: %s\n' "$*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

quietly() { # run a command, and show its output only if it fails
    mkdir -p build
    "$@" >build/setup.log 2>&1 </dev/null || { cat build/setup.log; say "failed: $*"; exit 1; }
}

apt() { # another apt may run: wait for it
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
}

update() { # apt's lists, once in a run, if they are older than a day: mirrors drop the files of replaced packages
    if [ -n "${updated:-}" ] || [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)" ]; then
        return
    fi
    apt update
    updated=yes
}

missing() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

install_packages() {
    absent=$(missing "$@")
    if [ -z "$absent" ]; then return; fi
    say "installing $absent(a few minutes)"
    apt update
    updated=yes
    # shellcheck disable=SC2086  # one word per package
    apt install -y --no-install-recommends $absent
}

dependencies='
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(sys.version_info, project["dependencies"], project["optional-dependencies"])
'

venv_is_ours() { # made by the same Python, and in this folder: its programs name their interpreter by its full path
    [ "$(.venv/bin/python -V 2>/dev/null)" = "$(python3 -V)" ] && grep -qF "$PWD/.venv" .venv/pyvenv.cfg
}

make_venv() {
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        say "python3 is $(python3 -V), but 3.11 is the oldest that will do"
        exit 1
    fi
    wanted=$(python3 -c "$dependencies")
    if venv_is_ours && [ "$(cat .venv/wanted 2>/dev/null)" = "$wanted" ]; then return; fi
    say "making .venv with $(python3 -V) (about one minute)"
    if [ -L .venv ]; then rm .venv; fi # --clear would empty the folder that the link leads to
    venv_is_ours || quietly python3 -m venv --clear .venv
    quietly .venv/bin/python -m pip install --disable-pip-version-check -e '.[dev]'
    printf '%s\n' "$wanted" >.venv/wanted
}

install_modules() { # what checks the LuCI page: eslint and axe-core
    if cmp -s package.json node_modules/wanted; then return; fi
    say "installing node_modules"
    # Debian's nodejs has npm in a package of its own, other makers' in the same.
    command -v npm >/dev/null || apt install -y npm
    quietly npm install --no-package-lock --no-audit --no-fund
    cp package.json node_modules/wanted
}

part_venv() { # on any system with a Python that can make one
    make_venv
}

part_python() {
    # shellcheck disable=SC2086
    install_packages $packages_python
    make_venv
}

part_check() {
    # shellcheck disable=SC2086
    install_packages $packages_python $packages_check
    make_venv
    install_modules
}

part_kernel() {
    # shellcheck disable=SC2086
    install_packages $packages_python $packages_kernel
    make_venv
    update
    PYTHONPATH=tests .venv/bin/python -m kernel.source
}

part_stock() {
    # shellcheck disable=SC2086
    install_packages $packages_python $packages_stock
    make_venv
    update
    PYTHONPATH=tests .venv/bin/python -m kernel.stock
}

part_demo() { # with the user-mode kernel if it is built already, else in QEMU: building it takes longer than the demo
    # shellcheck disable=SC2086
    install_packages $packages_python $network $compiler
    make_venv
    PYTHONPATH=tests .venv/bin/python -c 'from kernel import source; exit(not source.found(source.SERIES[0]))' || part_stock
}

[ $# -gt 0 ] || set -- python check kernel stock
for part in "$@"; do
    "part_$part"
done
say "ready"
