# What OpenWrt's /lib/functions.sh (package/base-files) gives packages, as far as ours uses it: same names, same order.

_init_scripts() {
	sed -n 's,^/etc/init.d/,&,p' "/usr/lib/opkg/info/$1.list"
}

_own_script() {
	[ ! -f "/usr/lib/opkg/info/$1" ] || (. "/usr/lib/opkg/info/$1")
}

default_postinst() {
	local package script
	package=$(basename "${1%.*}")
	for script in $(grep '^/etc/uci-defaults/' "/usr/lib/opkg/info/$package.list"); do
		(cd /etc/uci-defaults && . "$script") && rm -f "$script"
	done
	_own_script "$package.postinst-pkg"
	for script in $(_init_scripts "$package"); do
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
