#!/bin/sh
# Everything `make demo` and `make test` need on a bare Debian: packages, a kernel to boot, and .venv; with the word
# `demo`, only what that one needs. A second run looks whether all of it is there and ends at once.
set -eu
cd "$(dirname "$0")/.."

packages="linux-image-amd64 qemu-system-x86 busybox-static nftables conntrack iperf3 ethtool kmod iproute2 tcpdump
    procps e2fsprogs file python3-venv ppp pppoe hostapd iw wireguard-tools gcc make flex bison bc"
[ "${1:-}" = demo ] || packages="$packages linux-headers-amd64 chromium fonts-dejavu-core nodejs"
later=6.12 # the hardware tests run on this kernel as well; Debian 12 has it among its security updates

say() {
    printf 'setup: %s\n' "$*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

logged() {
    mkdir -p build
    "$@" >build/setup.log 2>&1 </dev/null
}

quietly() { # what a command says is worth reading only when it fails
    logged "$@" || { cat build/setup.log; say "failed: $*"; exit 1; }
}

update() {
    logged as_root env DEBIAN_FRONTEND=noninteractive apt-get update
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
    quietly update
    # shellcheck disable=SC2086  # one word per package
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $absent
}

newest() { # a plain kernel for PCs: no cloud, no real time
    apt-cache search --names-only "^linux-image-$later\.[0-9]+(\+deb[0-9]+)?-amd64\$" | cut -d' ' -f1 | sort -V | tail -n 1
}

install_later_kernel() { # the newest: some before 6.12.113 free a connection while packets of its flow still use it
    [ -n "$(newest)" ] || update || true
    release=$(newest | sed 's/^linux-image-//')
    if [ -n "$release" ] && [ -e "/boot/vmlinuz-$release" ] && [ -e "/lib/modules/$release/build" ]; then return; fi
    say "installing kernel ${release:-$later} (about one minute)"
    # what apt knew may be gone from the archive
    if add_kernel || { update && add_kernel; }; then return; fi
    cat build/setup.log
    ls "/boot/vmlinuz-$later."* >/dev/null 2>&1 || { say "failed"; exit 1; }
    say "failed; going on with the kernel $later that is here"
}

add_kernel() {
    image=$(newest)
    [ -n "$image" ] || { echo "this Debian has no kernel $later" >build/setup.log; return 1; }
    logged as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        "$image" "linux-headers-${image#linux-image-}"
}

build_engine() { # the emulated hardware for kernel $1; only test machines load it
    folder=build/engine/$1
    stamp=$(cat tests/kernel/engine/* | sha256sum)
    if [ -e "$folder/engine.ko" ] && [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    say "building the emulated hardware for $1"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp tests/kernel/engine/* "$folder/"
    logged make -C "/lib/modules/$1/build" M="$PWD/$folder" modules || return 1
    printf '%s\n' "$stamp" >"$folder/stamp"
}

build_engines() { # for each kernel that has headers
    for headers in /lib/modules/*/build; do
        release=$(basename "$(dirname "$headers")")
        build_engine "$release" || { cat build/setup.log; say "failed"; exit 1; }
    done
}

offer_engine() { # the demo has hardware where it can; kernel headers bring the compiler they want
    release=$(dpkg-query -W -f '${Depends}' linux-image-amd64 | sed 's/^linux-image-\([^ ,]*\).*/\1/')
    if [ ! -e "/lib/modules/$release/build" ]; then
        say "installing linux-headers-$release (about one minute)"
        update || true
        logged as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            "linux-headers-$release" || true
    fi
    if [ ! -e "/lib/modules/$release/build" ]; then
        rm -rf "build/engine/$release"
        say "the headers of kernel $release cannot be had here (build/setup.log), so the demo goes without hardware"
    elif ! build_engine "$release"; then
        say "the emulated hardware cannot be built (build/setup.log), so the demo goes without hardware"
    fi
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
if [ "${1:-}" = demo ]; then
    offer_engine
else
    install_later_kernel
    build_engines
    PYTHONPATH=tests .venv/bin/python -m kernel.source
    install_modules
fi
say "ready"
