#!/bin/sh
# Everything `make demo` and `make test` need on a bare Debian: packages, a kernel to boot, and .venv; with the word
# `demo`, only what that one needs. A second run looks whether all of it is there and ends at once.
set -eu
cd "$(dirname "$0")/.."

packages="linux-image-amd64 qemu-system-x86 busybox-static nftables conntrack iperf3 ethtool kmod iproute2 tcpdump
    procps e2fsprogs file python3-venv ppp pppoe hostapd iw wireguard-tools"
[ "${1:-}" = demo ] || packages="$packages gcc make linux-headers-amd64 chromium fonts-dejavu-core nodejs"
later=6.12 # the hardware tests run on this kernel as well; Debian 12 has it among its security updates

say() {
    printf 'setup: %s\n' "$*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

quietly() { # what a command says is worth reading only when it fails
    log=build/setup.log
    mkdir -p build
    "$@" >"$log" 2>&1 </dev/null || { cat "$log"; say "failed: $*"; exit 1; }
}

missing() {
    for package in $packages; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

install_packages() {
    absent=$(missing)
    if [ -z "$absent" ]; then return; fi
    say "installing $absent(a few minutes)"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    # shellcheck disable=SC2086  # one word per package
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $absent
}

newest() { # a plain kernel for PCs: no cloud, no real time
    apt-cache search --names-only "^linux-image-$later\.[0-9]+(\+deb[0-9]+)?-amd64\$" | cut -d' ' -f1 | sort -V | tail -n 1
}

install_later_kernel() {
    if ls "/boot/vmlinuz-$later."* >/dev/null 2>&1; then return; fi
    say "installing kernel $later (about one minute)"
    [ -n "$(newest)" ] || quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    image=$(newest)
    [ -n "$image" ] || { say "this Debian has no kernel $later"; exit 1; }
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        "$image" "linux-headers-${image#linux-image-}"
}

build_engine() { # the emulated hardware, once per kernel; only test machines load it
    for headers in /lib/modules/*/build; do
        release=$(basename "$(dirname "$headers")")
        folder=build/engine/$release
        stamp=$(cat tests/kernel/engine/* | sha256sum)
        if [ -e "$folder/engine.ko" ] && [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ]; then continue; fi
        say "building the emulated hardware for $release"
        mkdir -p "$folder"
        cp tests/kernel/engine/* "$folder/"
        quietly make -C "$headers" M="$PWD/$folder" modules
        printf '%s\n' "$stamp" >"$folder/stamp"
    done
}

install_modules() { # what checks the LuCI page: eslint and axe-core
    if cmp -s package.json node_modules/wanted; then return; fi
    say "installing node_modules"
    # Debian's nodejs has npm in a package of its own, other makers' in the same.
    command -v npm >/dev/null || quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y npm
    quietly npm install --no-package-lock --no-audit --no-fund
    cp package.json node_modules/wanted
}

dependencies='
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(sys.version_info, project["dependencies"], project["optional-dependencies"])
'

venv_is_ours() { # the same Python as here, and not moved: its programs name their interpreter by its full path
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
    venv_is_ours || quietly python3 -m venv --clear .venv
    quietly .venv/bin/python -m pip install --disable-pip-version-check -e '.[dev]'
    printf '%s\n' "$wanted" >.venv/wanted
}

install_packages
make_venv
if [ "${1:-}" != demo ]; then
    install_later_kernel
    build_engine
    install_modules
fi
say "ready"
