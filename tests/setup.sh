#!/bin/sh
# Everything `make demo` and `make test` need on a bare Debian: packages, a kernel to boot, and .venv.
# A second run looks whether all of it is there and ends at once.
set -eu
cd "$(dirname "$0")/.."

packages="linux-image-amd64 qemu-system-x86 busybox-static nftables conntrack iperf3 ethtool kmod iproute2 tcpdump
    procps e2fsprogs python3-venv ppp pppoe hostapd iw wireguard-tools"

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
    say "installing $absent(about two minutes)"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    # shellcheck disable=SC2086  # one word per package
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $absent
}

make_venv() {
    python=$(python3 -c 'import sys; print(sys.version); sys.exit(sys.version_info < (3, 11))') || {
        say "python3 is $python, but 3.11 is the oldest that will do"
        exit 1
    }
    # The same Python, the same dependencies, in the same place: then what is there is what would be made.
    inputs=$(printf '%s' "$python $PWD" | cat - pyproject.toml | sha256sum)
    if [ "$(cat .venv/inputs 2>/dev/null)" = "$inputs" ] && .venv/bin/python -c 'import offload, pytest'; then return; fi
    say "making .venv with Python ${python%% *} (about one minute)"
    rm -rf .venv
    quietly python3 -m venv .venv
    quietly .venv/bin/python -m pip install --disable-pip-version-check -e '.[dev]'
    printf '%s\n' "$inputs" >.venv/inputs
}

install_packages
make_venv
say "ready"
