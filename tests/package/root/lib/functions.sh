# What OpenWrt's /lib/functions.sh (package/base-files) gives packages, as far as ours uses it: same names, same order.
# With IPKG_INSTROOT the router is a folder of the machine where an image is built.

_init_scripts() {
	sed -n 's,^/etc/init.d/,&,p' "$IPKG_INSTROOT/usr/lib/opkg/info/$1.list"
}

_own_script() {
	[ ! -f "$IPKG_INSTROOT/usr/lib/opkg/info/$1" ] || (. "$IPKG_INSTROOT/usr/lib/opkg/info/$1")
}

default_postinst() {
	local package script
	package=$(basename "${1%.*}")
	for script in $([ -n "$IPKG_INSTROOT" ] || grep '^/etc/uci-defaults/' "/usr/lib/opkg/info/$package.list"); do
		(cd /etc/uci-defaults && . "$script") && rm -f "$script"
	done
	_own_script "$package.postinst-pkg"
	for script in $(_init_scripts "$package"); do
		if [ -n "$IPKG_INSTROOT" ]; then
			sh "$IPKG_INSTROOT/etc/rc.common" "$IPKG_INSTROOT$script" enable
			continue
		fi
		[ "$PKG_UPGRADE" = 1 ] || "$script" enable
		"$script" start
	done
}

default_prerm() {
	local package script
	package=$(basename "${1%.*}")
	_own_script "$package.prerm-pkg"
	for script in $(_init_scripts "$package"); do
		[ "$PKG_UPGRADE" = 1 ] || "$script" disable
		"$script" stop
	done
}
