#!/bin/sh
# What the CI of OpenWrt's feeds runs on an installed package: test.sh NAME VERSION.

[ "$1" = offload ] || exit 0
offload --version | grep -Fx "offload $2"
