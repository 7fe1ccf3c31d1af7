# The functions of OpenWrt's procd.sh that our init script calls: same names, and the same messages to procd.
# Values are put into JSON as they are: none of ours has a quote or a backslash.

_list() {
	local value separator=
	for value in "$@"; do
		printf '%s"%s"' "$separator" "$value"
		separator=', '
	done
}

_table() {
	local pair separator=
	for pair in "$@"; do
		printf '%s"%s": "%s"' "$separator" "${pair%%=*}" "${pair#*=}"
		separator=', '
	done
}

_trigger() {
	_triggers="$_triggers${_triggers:+, }$1"
}

procd_open_service() {
	_service=$1 _script=$2 _instances= _triggers=
}

procd_close_service() {
	service_triggers
	ubus call service set \
		"{\"name\": \"$_service\", \"script\": \"$_script\", \"instances\": {$_instances}, \"triggers\": [$_triggers]}"
}

procd_open_instance() {
	_instance=${1:-instance1} _params=
}

procd_set_param() {
	local kind=$1 value
	shift
	case $kind in
	env | data | limits) value="{$(_table "$@")}" ;;
	command | netdev | file | respawn) value="[$(_list "$@")]" ;;
	*) value="\"$1\"" ;;
	esac
	_params="$_params${_params:+, }\"$kind\": $value"
}

procd_close_instance() {
	_instances="$_instances${_instances:+, }\"$_instance\": {$_params}"
}

procd_add_jail() {
	_params="$_params${_params:+, }\"jail\": {\"name\": \"$1\"}"
}

procd_add_jail_mount() { :; }
procd_add_jail_mount_rw() { :; }
procd_open_trigger() { :; }
procd_close_trigger() { :; }

procd_add_reload_trigger() {
	local package
	for package in "$@"; do
		_trigger "[\"config.change\", [\"if\", [\"eq\", \"package\", \"$package\"], [\"run_script\", \"$initscript\", \"reload\"]], 1000]"
	done
}

procd_add_reload_data_trigger() {
	_trigger "[\"service.data.update\", [\"if\", [\"eq\", \"name\", \"$1\"], [\"run_script\", \"$initscript\", \"reload\"]], 1000]"
}

procd_add_raw_trigger() {
	local event=$1 delay=$2
	shift 2
	_trigger "[\"$event\", [[\"run_script\", $(_list "$@")]], $delay]"
}

procd_kill() {
	ubus call service delete "{\"name\": \"$1\"${2:+, \"instance\": \"$2\"}}"
}

procd_send_signal() {
	ubus call service signal "{\"name\": \"$1\", \"signal\": $(kill -l "${3:-HUP}")}"
}

# The real one's words and codes, of a service with one instance.
_procd_status() {
	case $(ubus call service list "{\"name\": \"$1\"}") in
	*'"running": true'*) echo running ;;
	*'"running": false'*) echo 'not running' && return 5 ;;
	*) echo inactive && return 3 ;;
	esac
}

procd_running() {
	ubus call service list "{\"name\": \"$1\"}" | grep -q '"running": true'
}
