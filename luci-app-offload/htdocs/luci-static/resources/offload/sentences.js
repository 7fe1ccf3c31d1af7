'use strict';
'require baseclass';

/*
 * Made by `make po` from the program: do not edit. The forms of the sentences in the service's replies, each in English
 * and in the user's language; the service fills in the words in braces.
 */

const REASONS = {
	OFFLOAD_DISABLED: [ 'offload is switched off (option enabled \'0\' in /etc/config/offload)', _('offload is switched off (option enabled \'0\' in /etc/config/offload)') ],
	KERNEL_WITHOUT_FLOWTABLE: [ 'this kernel or nft cannot do flowtables: {lack}', _('this kernel or nft cannot do flowtables: {lack}') ],
	NOT_APPLIED: [ 'the kernel refused the last change, so this is as it was before: see its error', _('the kernel refused the last change, so this is as it was before: see its error') ],
	NO_FIREWALL: [ 'no firewall is loaded, so nothing decides what may be forwarded', _('no firewall is loaded, so nothing decides what may be forwarded') ],
	FW4_OFFLOADS: [ 'fw4 offloads every flow itself (option flow_offloading in /etc/config/firewall)', _('fw4 offloads every flow itself (option flow_offloading in /etc/config/firewall)') ],
	MODE_UNSET: [ 'no mode was chosen for zone {zones}', _('no mode was chosen for zone {zones}') ],
	MODE_NONE: [ 'mode none was chosen for zone {zone}', _('mode none was chosen for zone {zone}') ],
	PAIR_MODE_NONE: [ 'mode none was chosen for this pair', _('mode none was chosen for this pair') ],
	PAIRS_LOWER: [ 'its pairs have sections of their own, with the lower mode {mode}', _('its pairs have sections of their own, with the lower mode {mode}') ],
	PAIRS_HIGHER: [ 'a pair section is stronger, with the higher mode {mode}: {pairs}', _('a pair section is stronger, with the higher mode {mode}: {pairs}') ],
	LOWER_MODE: [ 'zone {zone} has the lower mode {mode}', _('zone {zone} has the lower mode {mode}') ],
	CONFIG_UNREADABLE: [ 'not all of its configuration can be read, so the kernel keeps what it has', _('not all of its configuration can be read, so the kernel keeps what it has') ],
	CONFIG_FAULT: [ '{section} in /etc/config/offload has a fault and may mean it, so it stays slow', _('{section} in /etc/config/offload has a fault and may mean it, so it stays slow') ],
	EXEMPT_FAULT: [ '{exempt} has a fault and may mean this pair, so all of it stays slow', _('{exempt} has a fault and may mean this pair, so all of it stays slow') ],
	EXEMPT: [ '{exempt} means all of it', _('{exempt} means all of it') ],
	EXEMPT_PART: [ '{exempt} keeps {part} slow', _('{exempt} keeps {part} slow') ],
	MARKED: [ '{rules} every packet of it, and offloaded packets would bypass that: all of it stays slow', _('{rules} every packet of it, and offloaded packets would bypass that: all of it stays slow') ],
	MARKED_PART: [ '{rules} packets one by one, and offloaded packets would bypass that: {part} stays slow', _('{rules} packets one by one, and offloaded packets would bypass that: {part} stays slow') ],
	SUBNETS_PART: [ 'addresses in the subnets of zone {zone} stay slow: that zone has a lower mode, another family or more after_packets', _('addresses in the subnets of zone {zone} stay slow: that zone has a lower mode, another family or more after_packets') ],
	SUBNETS_ANY: [ 'zone {zone} has a lower mode, another family or more after_packets, and its subnets (\'!\', a range, an odd mask, a network\'s name) may be any address: all of the pair stays slow', _('zone {zone} has a lower mode, another family or more after_packets, and its subnets (\'!\', a range, an odd mask, a network\'s name) may be any address: all of the pair stays slow') ],
	SUBNETS_FAMILY: [ 'zone {zone} has a lower mode, another family or more after_packets, and its subnets are all {family} addresses: all {family} of the pair stays slow', _('zone {zone} has a lower mode, another family or more after_packets, and its subnets are all {family} addresses: all {family} of the pair stays slow') ],
	FAMILIES_DISJOINT: [ 'its two zones ask for different address families, so no traffic is left', _('its two zones ask for different address families, so no traffic is left') ],
	ZONE_WITHOUT_DEVICES: [ 'zone {zone} has no device now', _('zone {zone} has no device now') ],
	ZONE_OF_SUBNETS: [ 'zone {zone} has subnets and no device of its own: its addresses get the mode of the devices that they use, and stay slow if the zone has a lower mode, another family or more after_packets', _('zone {zone} has subnets and no device of its own: its addresses get the mode of the devices that they use, and stay slow if the zone has a lower mode, another family or more after_packets') ],
	ZONE_INVERTED: [ 'zone {zone} excludes networks or devices (\'!\') or takes all (\'+\'): name its devices to offload it', _('zone {zone} excludes networks or devices (\'!\') or takes all (\'+\'): name its devices to offload it') ],
	NOT_PERMITTED: [ 'the firewall permits no forwarding from or to zone {zone}', _('the firewall permits no forwarding from or to zone {zone}') ],
	SHARED_DEVICES: [ 'its devices also belong to {pair}, which has the lower mode {mode}', _('its devices also belong to {pair}, which has the lower mode {mode}') ],
	SHARED_FAMILY: [ 'its devices also belong to {pair}, which asks for family {family}', _('its devices also belong to {pair}, which asks for family {family}') ],
	HARDWARE_UNCOVERED: [ 'hardware does not cover {devices}, so the pair is software', _('hardware does not cover {devices}, so the pair is software') ],
	HARDWARE_PART: [ 'hardware does not cover {devices}: traffic there is fast in software', _('hardware does not cover {devices}: traffic there is fast in software') ],
	SHAPED: [ '{shaper} treats packets of {device}, and hardware would bypass it: traffic there is fast in software', _('{shaper} treats packets of {device}, and hardware would bypass it: traffic there is fast in software') ],
	STATIONS_SOFTWARE: [ 'stations on {ports} are fast in software: no driver there offloads anything (known stations: {count} of {known})', _('stations on {ports} are fast in software: no driver there offloads anything (known stations: {count} of {known})') ],
	STATIONS_UNSEEN: [ 'stations on {ports} are fast in software: no driver there offloads anything', _('stations on {ports} are fast in software: no driver there offloads anything') ],
	STATIONS_FULL: [ 'more than {most} stations or addresses are known, and no more are remembered: flows of the others are fast in software', _('more than {most} stations or addresses are known, and no more are remembered: flows of the others are fast in software') ],
	HARDWARE_GIVEN_UP: [ 'hardware took none of {count} flows, so it is not asked for a while: all are fast in software', _('hardware took none of {count} flows, so it is not asked for a while: all are fast in software') ],
	HARDWARE_FAMILY_GIVEN_UP: [ 'hardware took none of {count} {family} flows, so it is not asked for them for a while: they are fast in software', _('hardware took none of {count} {family} flows, so it is not asked for them for a while: they are fast in software') ],
	REPLIES_FULL: [ 'replies that found no place among the {most} connections whose accepted replies are remembered: {count}; flows that wait for one stay slow longer', _('replies that found no place among the {most} connections whose accepted replies are remembered: {count}; flows that wait for one stay slow longer') ],
	LINK_MISSING: [ 'device {device} does not exist now', _('device {device} does not exist now') ],
	NETWORK_DOWN: [ 'network {network} is down, so it has no device now', _('network {network} is down, so it has no device now') ],
	NETWORK_UNKNOWN: [ 'there is no network {network}', _('there is no network {network}') ],
	NO_FLOWTABLE: [ 'no pair is offloaded now, so there is no flowtable to list it', _('no pair is offloaded now, so there is no flowtable to list it') ],
	LOOPBACK: [ '{device} is the loopback device: its traffic is never forwarded', _('{device} is the loopback device: its traffic is never forwarded') ],
	EXCLUDED_BY_USER: [ 'excluded by exclude_device in /etc/config/offload', _('excluded by exclude_device in /etc/config/offload') ],
	WIRELESS_PORT: [ 'Wi-Fi port of {master}: its stations roam, and its packets are seen at {master}', _('Wi-Fi port of {master}: its stations roam, and its packets are seen at {master}') ],
	STATIONS_MOVE: [ 'stations of {master} change their port or MAC address too often to be followed: its ports are not listed for 10 minutes, and its packets are seen at {master}', _('stations of {master} change their port or MAC address too often to be followed: its ports are not listed for 10 minutes, and its packets are seen at {master}') ],
	BRIDGE_UNDER_VLAN: [ 'the kernel looks through {device} to its ports, so listing it gains nothing', _('the kernel looks through {device} to its ports, so listing it gains nothing') ],
	BOND_MEMBER: [ 'member of {master}: the kernel sees its packets at {master}', _('member of {master}: the kernel sees its packets at {master}') ],
	DSA_CONDUIT: [ 'carries the switch ports: the kernel sees their packets at the ports', _('carries the switch ports: the kernel sees their packets at the ports') ],
	NOT_FOLLOWED: [ 'the kernel does not look through {upper} (a {kind} device) to the devices beneath', _('the kernel does not look through {upper} (a {kind} device) to the devices beneath') ],
	HOOKED_ABOVE: [ '{what} treats packets of {upper}, which would bypass it if {device} were listed', _('{what} treats packets of {upper}, which would bypass it if {device} were listed') ],
	PPPOE_PARENT: [ 'downloads through PPPoE become slow on this kernel where {device} is listed', _('downloads through PPPoE become slow on this kernel where {device} is listed') ],
	TOO_DEEP: [ 'packets carry more than two VLAN tags and PPPoE headers at {device}, and the kernel takes off two', _('packets carry more than two VLAN tags and PPPoE headers at {device}, and the kernel takes off two') ],
	FLOWTABLE_FULL: [ 'a flowtable takes {most} devices and there are more: its packets are seen at the device above', _('a flowtable takes {most} devices and there are more: its packets are seen at the device above') ],
	ODD_NAME: [ 'its name cannot be written in nft', _('its name cannot be written in nft') ],
	HARDWARE_BENEATH: [ 'hardware sees its packets at {devices}', _('hardware sees its packets at {devices}') ],
	NO_HW_TC_OFFLOAD: [ 'its driver reports no hw-tc-offload', _('its driver reports no hw-tc-offload') ],
	HARDWARE_UNBOUND: [ 'the kernel refuses it in a hardware flowtable: its driver takes no flows', _('the kernel refuses it in a hardware flowtable: its driver takes no flows') ],
	NOT_OFFLOADABLE: [ 'only TCP, UDP and GRE without NAT can be offloaded, this is {proto}', _('only TCP, UDP and GRE without NAT can be offloaded, this is {proto}') ],
	LOCAL: [ 'one end of it is the router itself, or an address that is never forwarded (link-local): only forwarded traffic is offloaded', _('one end of it is the router itself, or an address that is never forwarded (link-local): only forwarded traffic is offloaded') ],
	NOT_UNICAST: [ 'it goes to a group of receivers: only traffic to a single one is offloaded', _('it goes to a group of receivers: only traffic to a single one is offloaded') ],
	ZONE_UNKNOWN: [ 'its addresses lead to no zone, or to more than one', _('its addresses lead to no zone, or to more than one') ],
	PAIR_UNKNOWN: [ 'the firewall permits no forwarding from {src} to {dest}', _('the firewall permits no forwarding from {src} to {dest}') ],
	OTHER_FAMILY: [ 'from {src} to {dest} only {family} is offloaded', _('from {src} to {dest} only {family} is offloaded') ],
	TCP_STATE: [ 'its TCP connection is not established (state {state})', _('its TCP connection is not established (state {state})') ],
	HELPER: [ 'conntrack helper {helper} watches it, so the kernel does not offload it', _('conntrack helper {helper} watches it, so the kernel does not offload it') ],
	ADJUSTED: [ 'the kernel corrects its sequence numbers or ports in every packet, so it does not offload it', _('the kernel corrects its sequence numbers or ports in every packet, so it does not offload it') ],
	NO_REPLY: [ 'no packet has come back yet', _('no packet has come back yet') ],
	REPLY_NOT_ACCEPTED: [ 'no accepted reply of it is remembered from the last minute, and only after one is it offloaded', _('no accepted reply of it is remembered from the last minute, and only after one is it offloaded') ],
	AFTER_PACKETS: [ 'it has not yet sent the {count} packets after which it is offloaded', _('it has not yet sent the {count} packets after which it is offloaded') ],
	EXEMPTED: [ '{exempt} keeps it on the slow path', _('{exempt} keeps it on the slow path') ],
	IN_SUBNETS: [ '{zone} keeps it on the slow path', _('{zone} keeps it on the slow path') ],
	WAITING: [ 'it qualifies, and is offloaded with its next packet from {src}, unless an exempt matches it or the firewall drops its replies', _('it qualifies, and is offloaded with its next packet from {src}, unless an exempt matches it or the firewall drops its replies') ],
	HARDWARE_AWAITED: [ 'hardware was asked for, and has not taken it so far', _('hardware was asked for, and has not taken it so far') ],
	HARDWARE_ELSEWHERE: [ 'it goes over {device}, which hardware does not cover', _('it goes over {device}, which hardware does not cover') ],
	HARDWARE_STATION_UNKNOWN: [ 'its host was seen at no port of {device} yet, and hardware covers only some of these', _('its host was seen at no port of {device} yet, and hardware covers only some of these') ],
	HARDWARE_DRIVER: [ '{count} of the pair\'s flows stayed in software: no driver of {devices} takes any', _('{count} of the pair\'s flows stayed in software: no driver of {devices} takes any') ],
	HARDWARE_FAMILY: [ '{count} of the pair\'s {family} flows stayed in software: no driver of {devices} takes any of that family', _('{count} of the pair\'s {family} flows stayed in software: no driver of {devices} takes any of that family') ],
	HARDWARE_ENCAPSULATED: [ '{count} of the pair\'s flows stayed in software: drivers may not take the tags or PPPoE of {devices}', _('{count} of the pair\'s flows stayed in software: drivers may not take the tags or PPPoE of {devices}') ],
	HARDWARE_FULL: [ '{count} flows stayed in software beside others in hardware: its table may be full', _('{count} flows stayed in software beside others in hardware: its table may be full') ],
	HARDWARE_KEPT: [ 'the kernel took flows out of hardware ({count}), and no packet of theirs was seen since: they are idle, or a driver of {devices} still forwards them', _('the kernel took flows out of hardware ({count}), and no packet of theirs was seen since: they are idle, or a driver of {devices} still forwards them') ],
	HARDWARE_HALF: [ '{count} packets of flows in hardware moved in one direction only: a driver of {devices} takes no more, and the other direction is in software', _('{count} packets of flows in hardware moved in one direction only: a driver of {devices} takes no more, and the other direction is in software') ],
	HARDWARE_STRAYS: [ '{count} packets of flows that the kernel marks as in hardware took the slow path', _('{count} packets of flows that the kernel marks as in hardware took the slow path') ],
	HARDWARE_FROZEN: [ 'the packets of its hardware flows are not counted, though they come in on {devices}', _('the packets of its hardware flows are not counted, though they come in on {devices}') ]
};

const REMEDIES = {
	OFFLOAD_DISABLED: [ 'set enabled to 1 in /etc/config/offload', _('set enabled to 1 in /etc/config/offload') ],
	KERNEL_WITHOUT_FLOWTABLE: [ 'install the package it names', _('install the package it names') ],
	NOT_APPLIED: [ 'read the error that offload status shows; it is tried again by itself', _('read the error that offload status shows; it is tried again by itself') ],
	NO_FIREWALL: [ '/etc/init.d/firewall start', _('/etc/init.d/firewall start') ],
	CONFIG_UNREADABLE: [ 'mend the file and the line that offload check names', _('mend the file and the line that offload check names') ],
	CONFIG_FAULT: [ 'mend what offload check names in the section', _('mend what offload check names in the section') ],
	EXEMPT_FAULT: [ 'mend what offload check names in the section', _('mend what offload check names in the section') ],
	EXEMPT: [ 'name addresses, ports, a MAC, a protocol, a mark or a DSCP class in the exempt, or delete it', _('name addresses, ports, a MAC, a protocol, a mark or a DSCP class in the exempt, or delete it') ],
	EXEMPT_PART: [ 'narrow the exempt, or delete it: where exempts are all of a pair only together, all of it stays slow', _('narrow the exempt, or delete it: where exempts are all of a pair only together, all of it stays slow') ],
	MARKED: [ 'name addresses or ports in the rule, or set auto_exempt to 0 where the first packets of a flow are enough', _('name addresses or ports in the rule, or set auto_exempt to 0 where the first packets of a flow are enough') ],
	MARKED_PART: [ 'nothing, if that may be slow; else name addresses and ports in the rule, or set auto_exempt to 0 where the first packets of a flow are enough', _('nothing, if that may be slow; else name addresses and ports in the rule, or set auto_exempt to 0 where the first packets of a flow are enough') ],
	SUBNETS_ANY: [ 'write that zone\'s subnets as networks (192.168.1.0/24), give it devices, or give it the same mode, family and after_packets', _('write that zone\'s subnets as networks (192.168.1.0/24), give it devices, or give it the same mode, family and after_packets') ],
	SUBNETS_FAMILY: [ 'give that zone narrower subnets, devices, or the same mode, family and after_packets', _('give that zone narrower subnets, devices, or the same mode, family and after_packets') ],
	FAMILIES_DISJOINT: [ 'let the two zones\' family have one in common', _('let the two zones\' family have one in common') ],
	ZONE_WITHOUT_DEVICES: [ 'bring the zone\'s network up; the zone\'s own reasons name the missing network or device', _('bring the zone\'s network up; the zone\'s own reasons name the missing network or device') ],
	ZONE_INVERTED: [ 'list the zone\'s networks or devices, without \'!\' and \'+\'', _('list the zone\'s networks or devices, without \'!\' and \'+\'') ],
	SHARED_DEVICES: [ 'give both pairs the same mode: a device cannot be on two paths', _('give both pairs the same mode: a device cannot be on two paths') ],
	SHARED_FAMILY: [ 'give both pairs the same family: a device cannot have two', _('give both pairs the same family: a device cannot have two') ],
	HARDWARE_UNCOVERED: [ 'choose software for the zone, or give what hardware does not cover (Wi-Fi, say) a bridge and a zone of its own; exclude_device does not help, for the pair\'s packets still come in there', _('choose software for the zone, or give what hardware does not cover (Wi-Fi, say) a bridge and a zone of its own; exclude_device does not help, for the pair\'s packets still come in there') ],
	STATIONS_FULL: [ 'find who forges addresses, or split the network: bridge fdb show, ip neigh', _('find who forges addresses, or split the network: bridge fdb show, ip neigh') ],
	HARDWARE_GIVEN_UP: [ 'ask again now: offload reload; or choose software, which ends this message', _('ask again now: offload reload; or choose software, which ends this message') ],
	EXCLUDED_BY_USER: [ 'delete it from exclude_device', _('delete it from exclude_device') ],
	STATIONS_MOVE: [ 'find who forges addresses, or the loop in the cabling: bridge fdb show br {master}, ip neigh', _('find who forges addresses, or the loop in the cabling: bridge fdb show br {master}, ip neigh') ],
	ODD_NAME: [ 'rename the device with letters and digits', _('rename the device with letters and digits') ],
	ZONE_UNKNOWN: [ 'give each zone networks of its own; with policy routing the way may be unknown here and the flow offloaded all the same', _('give each zone networks of its own; with policy routing the way may be unknown here and the flow offloaded all the same') ],
	OTHER_FAMILY: [ 'widen family of the zones', _('widen family of the zones') ],
	HELPER: [ 'switch the helper off for the zone (auto_helper in /etc/config/firewall) if no host needs it', _('switch the helper off for the zone (auto_helper in /etc/config/firewall) if no host needs it') ],
	AFTER_PACKETS: [ 'lower after_packets', _('lower after_packets') ],
	EXEMPTED: [ 'delete the exempt (offload exempt list shows all, offload exempt delete ends one), or change the rule it names; of exempts that match by MAC, mark or DSCP conntrack shows nothing', _('delete the exempt (offload exempt list shows all, offload exempt delete ends one), or change the rule it names; of exempts that match by MAC, mark or DSCP conntrack shows nothing') ],
	IN_SUBNETS: [ 'give that zone narrower subnets, devices, or the same mode, family and after_packets', _('give that zone narrower subnets, devices, or the same mode, family and after_packets') ],
	REPLY_NOT_ACCEPTED: [ 'wait for a reply; if it stays, look for a rule that drops its replies', _('wait for a reply; if it stays, look for a rule that drops its replies') ],
	HARDWARE_DRIVER: [ 'choose software, which ends this message; a newer kernel may bring a driver that can', _('choose software, which ends this message; a newer kernel may bring a driver that can') ],
	HARDWARE_FULL: [ 'raise after_packets, so that short flows do not fill the table', _('raise after_packets, so that short flows do not fill the table') ],
	HARDWARE_STRAYS: [ 'choose software for the pair, and report it with offload snapshot', _('choose software for the pair, and report it with offload snapshot') ],
	HARDWARE_FROZEN: [ 'do not trust traffic totals of these flows; choose software where they matter', _('do not trust traffic totals of these flows; choose software where they matter') ]
};

const PROBLEMS = {
	FILE_MISSING: [ '/etc/config/{file} does not exist, so there are no zones to choose for', _('/etc/config/{file} does not exist, so there are no zones to choose for') ],
	FILE_UNREADABLE: [ '/etc/config/{file} cannot be read ({detail}); the kernel keeps what it has', _('/etc/config/{file} cannot be read ({detail}); the kernel keeps what it has') ],
	FILE_SYNTAX: [ '/etc/config/{file} is not valid UCI ({detail}); the kernel keeps what it has', _('/etc/config/{file} is not valid UCI ({detail}); the kernel keeps what it has') ],
	UNKNOWN_SECTION: [ 'sections of type \'{type}\' are not known here{hint}; this one is ignored', _('sections of type \'{type}\' are not known here{hint}; this one is ignored') ],
	UNKNOWN_OPTION: [ 'is not an option of \'{type}\' sections{hint}; {consequence}', _('is not an option of \'{type}\' sections{hint}; {consequence}') ],
	MISSING_OPTION: [ 'is missing; {consequence}', _('is missing; {consequence}') ],
	NOT_A_LIST: [ 'takes one value, not a list; {consequence}', _('takes one value, not a list; {consequence}') ],
	BAD_VALUE: [ '\'{value}\' is not {expected}; {consequence}', _('\'{value}\' is not {expected}; {consequence}') ],
	BAD_BOOL: [ '\'{value}\' is neither yes nor no (1, on, true, yes, 0, off, false, no); {consequence}', _('\'{value}\' is neither yes nor no (1, on, true, yes, 0, off, false, no); {consequence}') ],
	BAD_CHOICE: [ '\'{value}\' is not known here{hint}: write {choices}; {consequence}', _('\'{value}\' is not known here{hint}: write {choices}; {consequence}') ],
	BAD_FAMILY: [ '\'{value}\' is no address family (any, ipv4 or ipv6); {consequence}', _('\'{value}\' is no address family (any, ipv4 or ipv6); {consequence}') ],
	BAD_NUMBER: [ '\'{value}\' is not a whole number from {low} to {high}; {consequence}', _('\'{value}\' is not a whole number from {low} to {high}; {consequence}') ],
	BAD_NAME: [ '\'{value}\' is not a name the firewall accepts (at most 122 of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -); {consequence}', _('\'{value}\' is not a name the firewall accepts (at most 122 of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -); {consequence}') ],
	BAD_DEVICE: [ '\'{value}\' is not a device name nft can take (1 to 15 of A-Z a-z 0-9 . _ : + @ -); {consequence}', _('\'{value}\' is not a device name nft can take (1 to 15 of A-Z a-z 0-9 . _ : + @ -); {consequence}') ],
	BAD_ADDRESS: [ '\'{value}\' is not an IPv4 or IPv6 address or network; {consequence}', _('\'{value}\' is not an IPv4 or IPv6 address or network; {consequence}') ],
	BAD_PORT: [ '\'{value}\' is not a port or a range of ports (80, 8000-8080); {consequence}', _('\'{value}\' is not a port or a range of ports (80, 8000-8080); {consequence}') ],
	BAD_PROTOCOL: [ '\'{value}\' is no protocol that can be offloaded (tcp, udp, tcpudp, gre or all); {consequence}', _('\'{value}\' is no protocol that can be offloaded (tcp, udp, tcpudp, gre or all); {consequence}') ],
	PORTS_OF_GRE: [ 'option \'proto\' names gre, which has no ports: give gre a section of its own; {consequence}', _('option \'proto\' names gre, which has no ports: give gre a section of its own; {consequence}') ],
	BAD_MAC: [ '\'{value}\' is not a MAC address; {consequence}', _('\'{value}\' is not a MAC address; {consequence}') ],
	BAD_MARK: [ '\'{value}\' is not a mark (number or 0xhex, optionally /mask that has all its bits); {consequence}', _('\'{value}\' is not a mark (number or 0xhex, optionally /mask that has all its bits); {consequence}') ],
	BAD_DSCP: [ '\'{value}\' is not a DSCP class or a number from 0 to 63; {consequence}', _('\'{value}\' is not a DSCP class or a number from 0 to 63; {consequence}') ],
	NEVER_OFFLOADED: [ '\'{value}\' is never offloaded, so nothing of it needs to be kept slow; {consequence}', _('\'{value}\' is never offloaded, so nothing of it needs to be kept slow; {consequence}') ],
	MIXED_FAMILIES: [ 'src_ip and dest_ip share no address family; {consequence}', _('src_ip and dest_ip share no address family; {consequence}') ],
	TOO_MANY_COMBINATIONS: [ 'the lists of this section make {count} combinations, more than {most}: write networks and ranges instead of single values; {consequence}', _('the lists of this section make {count} combinations, more than {most}: write networks and ranges instead of single values; {consequence}') ],
	TOO_MANY_EXEMPTS: [ 'with the combinations of its lists ({count}) all exempts would have more than {most}: write networks and ranges instead of single values; {consequence}', _('with the combinations of its lists ({count}) all exempts would have more than {most}: write networks and ranges instead of single values; {consequence}') ],
	UNKNOWN_ZONE: [ 'no zone \'{value}\' in /etc/config/firewall{hint}; {consequence}', _('no zone \'{value}\' in /etc/config/firewall{hint}; {consequence}') ],
	DISABLED_ZONE: [ 'zone \'{value}\' is disabled in /etc/config/firewall (option enabled \'0\'); {consequence}', _('zone \'{value}\' is disabled in /etc/config/firewall (option enabled \'0\'); {consequence}') ],
	UNKNOWN_NETWORK: [ 'there is no network \'{value}\'{hint}, and zone {zone} has no other: the mode chosen for the zone has no effect', _('there is no network \'{value}\'{hint}, and zone {zone} has no other: the mode chosen for the zone has no effect') ],
	DUPLICATE_ZONE: [ 'a second zone \'{value}\'; the first one counts, the devices of this one stay on the slow path', _('a second zone \'{value}\'; the first one counts, the devices of this one stay on the slow path') ],
	PROTOCOLS_IN_ONE_WORD: [ '\'{value}\' is no protocol, and for it nft refuses fw4\'s whole firewall: write \'tcp udp\', or tcpudp for both', _('\'{value}\' is no protocol, and for it nft refuses fw4\'s whole firewall: write \'tcp udp\', or tcpudp for both') ],
	PAIR_NOT_PERMITTED: [ '/etc/config/firewall permits no forwarding from {src} to {dest}; this section counts only for traffic that something else lets through (UPnP, a service, nft rules of your own)', _('/etc/config/firewall permits no forwarding from {src} to {dest}; this section counts only for traffic that something else lets through (UPnP, a service, nft rules of your own)') ],
	PAIR_RAISED: [ '{pair} has mode {mode} now and had {before} in version 0.1.0, where a zone without a mode held the other back; give {zones} the mode {before} if it is to stay so', _('{pair} has mode {mode} now and had {before} in version 0.1.0, where a zone without a mode held the other back; give {zones} the mode {before} if it is to stay so') ],
	EXEMPT_OF_NOTHING: [ 'this section names nothing, so it has no effect: name a zone, an address, a port, a MAC, a protocol, a mark or a DSCP class', _('this section names nothing, so it has no effect: name a zone, an address, a port, a MAC, a protocol, a mark or a DSCP class') ],
	UNKNOWN_DEVICE: [ 'there is no device \'{value}\' now{hint}; {consequence}', _('there is no device \'{value}\' now{hint}; {consequence}') ],
	EXEMPT_OF_EVERY_ZONE: [ 'zone {zone} excludes networks or devices (\'!\') or takes all (\'+\'), so its devices cannot be matched; this exempt holds whatever the zone', _('zone {zone} excludes networks or devices (\'!\') or takes all (\'+\'), so its devices cannot be matched; this exempt holds whatever the zone') ],
	DUPLICATE_SECTION: [ 'a second section for {value}; of each option the slower value counts', _('a second section for {value}; of each option the slower value counts') ],
	FW4_OFFLOADS: [ 'fw4 offloads every flow itself while this is on, so the choices per zone are without effect; set it to \'0\' to let offload decide', _('fw4 offloads every flow itself while this is on, so the choices per zone are without effect; set it to \'0\' to let offload decide') ]
};

const FIREWALL = {
	UNKNOWN_OPTION: [ 'has the unknown option \'{option}\', which has no effect', _('has the unknown option \'{option}\', which has no effect') ],
	INVALID_VALUE: [ 'option \'{option}\' has the value \'{value}\', which is not {expected}', _('option \'{option}\' has the value \'{value}\', which is not {expected}') ],
	NOT_A_LIST: [ 'option \'{option}\' takes one value, not a list', _('option \'{option}\' takes one value, not a list') ],
	NEGATED: [ 'option \'{option}\' must not be negated', _('option \'{option}\' must not be negated') ],
	MISSING_OPTION: [ 'needs option \'{option}\'', _('needs option \'{option}\'') ],
	UNSUPPORTED: [ 'option \'{option}\' cannot be expressed in nftables', _('option \'{option}\' cannot be expressed in nftables') ],
	SKIPPED: [ 'is left out because of its invalid options', _('is left out because of its invalid options') ],
	DUPLICATE_DEFAULTS: [ 'is left out: only the first \'defaults\' section counts', _('is left out: only the first \'defaults\' section counts') ],
	DUPLICATE_NAME: [ 'is left out: an earlier section has the name \'{value}\'', _('is left out: an earlier section has the name \'{value}\'') ],
	UNKNOWN_ZONE: [ 'is left out: option \'{option}\' names zone \'{value}\', which does not exist or is left out itself', _('is left out: option \'{option}\' names zone \'{value}\', which does not exist or is left out itself') ],
	UNKNOWN_NETWORK: [ 'option \'{option}\' names \'{value}\', which is neither an address nor a network of netifd', _('option \'{option}\' names \'{value}\', which is neither an address nor a network of netifd') ],
	GOES_WITHOUT: [ 'goes without {options}', _('goes without {options}') ],
	POLICY_UNREAD: [ 'uses {value} for option \'{option}\'', _('uses {value} for option \'{option}\'') ],
	NO_MASQUERADE: [ 'masquerades nothing: without {options} it would masquerade more than it says', _('masquerades nothing: without {options} it would masquerade more than it says') ],
	ZONE_LEFT_OUT: [ 'is left out without {options}; where \'defaults\' accepts, what it would refuse is still refused', _('is left out without {options}; where \'defaults\' accepts, what it would refuse is still refused') ],
	NO_DEVICE: [ 'goes without \'{value}\' in option \'{option}\': no device can have this name', _('goes without \'{value}\' in option \'{option}\': no device can have this name') ],
	EMPTY_TIMES: [ 'is left out: {option} is before {start}, so it matches nothing', _('is left out: {option} is before {start}, so it matches nothing') ],
	NO_INPUT_DEVICE: [ 'matches nothing: packets in hook {hook} have no input device to compare with option \'{option}\'; set option \'direction\' to \'out\'', _('matches nothing: packets in hook {hook} have no input device to compare with option \'{option}\'; set option \'direction\' to \'out\'') ],
	NO_OUTPUT_DEVICE: [ 'matches nothing: packets in hook {hook} have no output device to compare with option \'{option}\'; set option \'direction\' to \'in\'', _('matches nothing: packets in hook {hook} have no output device to compare with option \'{option}\'; set option \'direction\' to \'in\'') ],
	NO_SOURCE_MAC: [ 'matches nothing: packets of the router itself have no source MAC address to compare with option \'{option}\'; for those of other hosts name their zone in option \'src\'', _('matches nothing: packets of the router itself have no source MAC address to compare with option \'{option}\'; for those of other hosts name their zone in option \'src\'') ],
	LOST_CONDITION: [ 'is left out: without {options} it would match more than it says', _('is left out: without {options} it would match more than it says') ],
	WIDENED: [ 'goes without {options}, and so {target}s more than it says', _('goes without {options}, and so {target}s more than it says') ],
	CLOSES_MANAGEMENT: [ 'is left out: without {options} it could close the way to manage this router from zone \'{value}\'', _('is left out: without {options} it could close the way to manage this router from zone \'{value}\'') ],
	NEEDS_SOURCE_ZONE: [ 'is left out: target \'{target}\' needs a source zone', _('is left out: target \'{target}\' needs a source zone') ],
	NEEDS_OPTION: [ 'is left out: target \'{target}\' needs option \'{option}\'', _('is left out: target \'{target}\' needs option \'{option}\'') ],
	WRONG_TARGET: [ 'has target \'{target}\', which this type of section does not know; \'{value}\' is used', _('has target \'{target}\', which this type of section does not know; \'{value}\' is used') ],
	ANY_DEVICE: [ 'is left out: option \'device\' must name a device', _('is left out: option \'device\' must name a device') ],
	UNKNOWN_SET: [ 'is left out: it refers to set \'{value}\', which does not exist', _('is left out: it refers to set \'{value}\', which does not exist') ],
	SET_NEEDS_PORTS: [ 'is left out: set \'{value}\' holds ports, which need protocol tcp or udp', _('is left out: set \'{value}\' holds ports, which need protocol tcp or udp') ],
	SET_DESTINATION_MAC: [ 'is left out: nftables cannot look up destination MAC addresses here', _('is left out: nftables cannot look up destination MAC addresses here') ],
	UNKNOWN_HELPER: [ 'is left out: conntrack helper \'{value}\' is not known', _('is left out: conntrack helper \'{value}\' is not known') ],
	HELPER_NOT_LOADED: [ 'conntrack helper \'{value}\' is not available: install its kernel module', _('conntrack helper \'{value}\' is not available: install its kernel module') ],
	NO_HELPER: [ 'goes without conntrack helper \'{value}\', which is not known', _('goes without conntrack helper \'{value}\', which is not known') ],
	HELPER_RULE: [ 'is left out: conntrack helper \'{value}\' is not available: install its kernel module', _('is left out: conntrack helper \'{value}\' is not available: install its kernel module') ],
	FAMILY_CONFLICT: [ 'is left out for protocol {protocol}: {first} and {second} have no address family in common', _('is left out for protocol {protocol}: {first} and {second} have no address family in common') ],
	PORTS_WITHOUT_PROTOCOL: [ 'is left out for protocol {protocol}, which has no ports', _('is left out for protocol {protocol}, which has no ports') ],
	TYPES_WITHOUT_ICMP: [ 'is left out for protocol {protocol}, which has no ICMP types', _('is left out for protocol {protocol}, which has no ICMP types') ],
	TYPES_OF_OTHER_FAMILY: [ 'is left out for protocol {protocol}: option \'{option}\' has no type of {family}; name one of {family}, or another protocol or family', _('is left out for protocol {protocol}: option \'{option}\' has no type of {family}; name one of {family}, or another protocol or family') ],
	NO_PROTOCOL: [ 'is left out: option \'{option}\' excludes every protocol that it could match', _('is left out: option \'{option}\' excludes every protocol that it could match') ],
	NO_SOURCE: [ 'is left out: it needs a source zone, and not \'*\'', _('is left out: it needs a source zone, and not \'*\'') ],
	NO_DESTINATION: [ 'is left out: it needs a destination zone, and not \'*\'', _('is left out: it needs a destination zone, and not \'*\'') ],
	NO_REWRITE_ADDRESS: [ 'is left out: option \'{option}\' is needed', _('is left out: option \'{option}\' is needed') ],
	BAD_REWRITE_ADDRESS: [ 'is left out: option \'{option}\' must be an address without negation or a mask with gaps', _('is left out: option \'{option}\' must be an address without negation or a mask with gaps') ],
	BAD_REWRITE_PORT: [ 'is left out: option \'{option}\' is the new port, which must be without negation', _('is left out: option \'{option}\' is the new port, which must be without negation') ],
	FIRST_ADDRESS: [ 'option \'{option}\' stands for several addresses; the first one is used', _('option \'{option}\' stands for several addresses; the first one is used') ],
	NO_REFLECTION: [ 'has no reflection into zone \'{value}\': {what} is not known', _('has no reflection into zone \'{value}\': {what} is not known') ],
	NOT_FOR_TARGET: [ 'is left out: option \'{option}\' does not go with target \'{target}\'', _('is left out: option \'{option}\' does not go with target \'{target}\'') ],
	NO_SET_TYPE: [ 'is left out: option \'match\' is needed', _('is left out: option \'match\' is needed') ],
	SET_FAMILY: [ 'is left out: family \'any\' does not go with match types ip and net', _('is left out: family \'any\' does not go with match types ip and net') ],
	SET_TYPE: [ 'is left out: match type \'set\' is not supported', _('is left out: match type \'set\' is not supported') ],
	SET_ENTRY: [ 'has the entry \'{value}\', which does not fit its match types', _('has the entry \'{value}\', which does not fit its match types') ],
	SET_OVERLAP: [ 'goes without the entry \'{value}\', which overlaps another in part', _('goes without the entry \'{value}\', which overlaps another in part') ],
	SET_SIZE: [ 'has {value} entries, more than option \'{option}\' says; all of them count', _('has {value} entries, more than option \'{option}\' says; all of them count') ],
	SET_FILE: [ 'cannot read \'{value}\', so the set begins without its contents', _('cannot read \'{value}\', so the set begins without its contents') ],
	RESERVED_NAME: [ 'is left out: \'{value}\' is a word of nft\'s own language', _('is left out: \'{value}\' is a word of nft\'s own language') ],
	NOT_FOR_FW4: [ 'is left out: a script for an older firewall; option \'fw4_compatible\' says when it is not', _('is left out: a script for an older firewall; option \'fw4_compatible\' says when it is not') ],
	NEEDS_CHAIN: [ 'is left out: position \'{value}\' needs option \'chain\'', _('is left out: position \'{value}\' needs option \'chain\'') ],
	NO_CHAIN: [ 'option \'chain\' has no effect for position \'{value}\'', _('option \'chain\' has no effect for position \'{value}\'') ],
	NO_PLACE: [ 'is left out: no chain \'{value}\' has a place for files at position \'{position}\'', _('is left out: no chain \'{value}\' has a place for files at position \'{position}\'') ],
	SCRIPT_POSITION: [ 'is left out: option \'{option}\' is for includes of type \'nftables\'', _('is left out: option \'{option}\' is for includes of type \'nftables\'') ],
	REFUSED: [ 'is left out: nft refuses it: {what}', _('is left out: nft refuses it: {what}') ],
	UNREACHABLE: [ 'is left out: \'{value}\' cannot be read', _('is left out: \'{value}\' cannot be read') ]
};

const FINDINGS = {
	NO_FIREWALL: [ 'no firewall is loaded: every packet is forwarded unchecked', _('no firewall is loaded: every packet is forwarded unchecked') ],
	SHAPER: [ '{shaper} treats packets of {device}: software offload keeps that, hardware bypasses it', _('{shaper} treats packets of {device}: software offload keeps that, hardware bypasses it') ],
	SHAPER_BYPASSED: [ '{shaper} treats packets of {device}, and those of offloaded flows bypass it where the flowtable has {lower} below it, a device of a zone itself or of option device', _('{shaper} treats packets of {device}, and those of offloaded flows bypass it where the flowtable has {lower} below it, a device of a zone itself or of option device') ],
	SHAPER_ABSENT: [ '/etc/config/{package} asks for a shaper on {network}, and there is none on {device} now', _('/etc/config/{package} asks for a shaper on {network}, and there is none on {device} now') ],
	LIMITS_ABSENT: [ '/etc/config/{package} asks for limits, and no rule of its tables limits anything now', _('/etc/config/{package} asks for limits, and no rule of its tables limits anything now') ],
	RULE_LIMITS: [ 'a rule in chain {chain} of table {table} limits rates: offloaded packets would not be limited', _('a rule in chain {chain} of table {table} limits rates: offloaded packets would not be limited') ],
	RULE_COUNTS: [ 'a rule in chain {chain} of table {table} counts against a quota: offloaded packets would not count', _('a rule in chain {chain} of table {table} counts against a quota: offloaded packets would not count') ],
	RULE_PRIORITIES: [ 'a rule in chain {chain} of table {table} gives priorities: offloaded packets would have none', _('a rule in chain {chain} of table {table} gives priorities: offloaded packets would have none') ],
	RULE_DSCP: [ 'a rule in chain {chain} of table {table} sets the DSCP: offloaded packets would keep their own', _('a rule in chain {chain} of table {table} sets the DSCP: offloaded packets would keep their own') ],
	RULE_MARKS: [ 'a rule in chain {chain} of table {table} sets marks that a qdisc or filter reads: offloaded packets have none', _('a rule in chain {chain} of table {table} sets marks that a qdisc or filter reads: offloaded packets have none') ],
	MARK_RESTORED: [ 'a tc filter on {device} gives packets that leave the mark of their connection (connmark, ctinfo): behind masquerade offloaded packets get none', _('a tc filter on {device} gives packets that leave the mark of their connection (connmark, ctinfo): behind masquerade offloaded packets get none') ],
	RULE_TTL: [ 'a rule in chain {chain} of table {table} sets the TTL or hop limit: offloaded packets bypass it', _('a rule in chain {chain} of table {table} sets the TTL or hop limit: offloaded packets bypass it') ],
	RULE_CHANGES: [ 'a rule in chain {chain} of table {table} changes headers of packets: of an offloaded flow it changes the first ones', _('a rule in chain {chain} of table {table} changes headers of packets: of an offloaded flow it changes the first ones') ],
	RULE_COPIES: [ 'a rule in chain {chain} of table {table} copies packets (dup): of an offloaded flow it copies the first ones', _('a rule in chain {chain} of table {table} copies packets (dup): of an offloaded flow it copies the first ones') ],
	RULE_OFFLOADS: [ 'a rule in chain {chain} of table {table} offloads flows itself (flow add), whatever is chosen here: modes, exempts and limits do not hold for these flows', _('a rule in chain {chain} of table {table} offloads flows itself (flow add), whatever is chosen here: modes, exempts and limits do not hold for these flows') ],
	RULE_QUEUES: [ 'a rule in chain {chain} of table {table} hands packets to a program: it sees those before the offload only', _('a rule in chain {chain} of table {table} hands packets to a program: it sees those before the offload only') ],
	RULE_DROPS: [ 'a rule in chain {chain} of table {table} drops packets behind the forward hook, or by what changes (length, TTL, flags, DSCP, content, chance; a connection\'s mark, label, timeout; ipset): offloaded packets bypass it', _('a rule in chain {chain} of table {table} drops packets behind the forward hook, or by what changes (length, TTL, flags, DSCP, content, chance; a connection\'s mark, label, timeout; ipset): offloaded packets bypass it') ],
	RULE_TIMES: [ 'a rule in chain {chain} of table {table} drops at some times: offloaded packets bypass it', _('a rule in chain {chain} of table {table} drops at some times: offloaded packets bypass it') ],
	RULE_BANS: [ 'a rule in chain {chain} of table {table} drops by a set (banIP and its kind): offloaded packets bypass elements that are added later', _('a rule in chain {chain} of table {table} drops by a set (banIP and its kind): offloaded packets bypass elements that are added later') ],
	LEGACY_TABLES: [ 'iptables-legacy has tables in the kernel ({tables}), whose rules are not read: offloaded packets bypass them', _('iptables-legacy has tables in the kernel ({tables}), whose rules are not read: offloaded packets bypass them') ],
	RULE_LOGS: [ 'a rule in chain {chain} of table {table} logs packets: of an offloaded connection it logs the first ones', _('a rule in chain {chain} of table {table} logs packets: of an offloaded connection it logs the first ones') ],
	FILE_UNLOADED: [ '{file} has rules that the firewall has not loaded yet: they {rules}, and offloaded packets would bypass them', _('{file} has rules that the firewall has not loaded yet: they {rules}, and offloaded packets would bypass them') ],
	FILE_UNREAD: [ 'the rules of {file}, which the firewall loads, are not known: {why}', _('the rules of {file}, which the firewall loads, are not known: {why}') ],
	NOT_CUT: [ 'cut_refused ends no connection for rule {rule} of /etc/config/firewall: {options} cannot be read from a connection', _('cut_refused ends no connection for rule {rule} of /etc/config/firewall: {options} cannot be read from a connection') ],
	ROUTES_BY_MARK: [ 'routing rules choose by marks ({count}; pbr, mwan3): an offloaded flow keeps the route of its first packets', _('routing rules choose by marks ({count}; pbr, mwan3): an offloaded flow keeps the route of its first packets') ],
	ACCOUNTING_OFF: [ 'nf_conntrack_acct is 0: the bytes and packets of connections are not counted (here, nor by nlbwmon)', _('nf_conntrack_acct is 0: the bytes and packets of connections are not counted (here, nor by nlbwmon)') ],
	COUNTERS_FROZEN: [ 'the packets of hardware flows of {src} > {dest} are not counted, though they come in on {devices}: totals here and in nlbwmon are too small', _('the packets of hardware flows of {src} > {dest} are not counted, though they come in on {devices}: totals here and in nlbwmon are too small') ],
	TIMEOUT_SHORT: [ '{setting} is {seconds} s, less than the {least} s after which an idle flow leaves the flowtable: its connection is forgotten then', _('{setting} is {seconds} s, less than the {least} s after which an idle flow leaves the flowtable: its connection is forgotten then') ],
	KERNEL_CUT: [ 'kernel {release} refuses to end offloaded connections (mended in 6.1.32 and 6.4): offload cut misses them', _('kernel {release} refuses to end offloaded connections (mended in 6.1.32 and 6.4): offload cut misses them') ],
	KERNEL_TIMEOUT: [ 'kernel {release} may forget offloaded connections after 300 s (6.14 to 7.1.3; mended in 6.18.39 and 7.1.4)', _('kernel {release} may forget offloaded connections after 300 s (6.14 to 7.1.3; mended in 6.18.39 and 7.1.4)') ],
	KERNEL_PPPOE: [ 'on kernel {release} downloads through PPPoE are slow where a flowtable lists {devices} (mended in 5.15.157, 6.1.88, 6.6.29 and 6.8.8)', _('on kernel {release} downloads through PPPoE are slow where a flowtable lists {devices} (mended in 5.15.157, 6.1.88, 6.6.29 and 6.8.8)') ],
	KERNEL_HALF: [ 'kernel {release} may give hardware only one direction of a flow (mended in 6.1.191, 6.6.18 and 6.7.6): the other is fast in software', _('kernel {release} may give hardware only one direction of a flow (mended in 6.1.191, 6.6.18 and 6.7.6): the other is fast in software') ],
	KERNEL_FREED: [ 'kernel {release} may, rarely, crash when flows leave hardware (mended in 6.1.189, 6.6.159, 6.12.112 and 6.18.54)', _('kernel {release} may, rarely, crash when flows leave hardware (mended in 6.1.189, 6.6.159, 6.12.112 and 6.18.54)') ]
};

const FINDINGS_DONE = {
	SHAPER: [ 'traffic over {device} is in software at most', _('traffic over {device} is in software at most') ],
	SHAPER_BYPASSED: [ 'the flowtable leaves {lower} out: only its own traffic stays slow', _('the flowtable leaves {lower} out: only its own traffic stays slow') ],
	RULE_LIMITS: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	RULE_COUNTS: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	RULE_PRIORITIES: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	RULE_DSCP: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	RULE_MARKS: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	MARK_RESTORED: [ 'connections that have a mark stay on the slow path', _('connections that have a mark stay on the slow path') ],
	RULE_DROPS: [ 'the traffic it concerns stays on the slow path', _('the traffic it concerns stays on the slow path') ],
	RULE_TIMES: [ 'flows meet the rules again when a time begins or ends', _('flows meet the rules again when a time begins or ends') ],
	RULE_BANS: [ 'live flows meet the rules again within a second of an element that a program adds, not of one that packets add', _('live flows meet the rules again within a second of an element that a program adds, not of one that packets add') ],
	ROUTES_BY_MARK: [ 'when routes change, flows look theirs up anew within a second while the service runs', _('when routes change, flows look theirs up anew within a second while the service runs') ],
	KERNEL_PPPOE: [ 'flowtables leave {devices} out: flows are offloaded at the PPPoE device', _('flowtables leave {devices} out: flows are offloaded at the PPPoE device') ]
};

const FINDINGS_REMEDIES = {
	NO_FIREWALL: [ '/etc/init.d/firewall start', _('/etc/init.d/firewall start') ],
	SHAPER: [ 'set auto_software to 1 in /etc/config/offload, or choose software: offload pair {src} {dest} software', _('set auto_software to 1 in /etc/config/offload, or choose software: offload pair {src} {dest} software') ],
	SHAPER_BYPASSED: [ 'set auto_software to 1 in /etc/config/offload, without {lower} as option device: then only traffic of {lower} itself, not of {device}, stays slow', _('set auto_software to 1 in /etc/config/offload, without {lower} as option device: then only traffic of {lower} itself, not of {device}, stays slow') ],
	SHAPER_ABSENT: [ '/etc/init.d/{package} restart', _('/etc/init.d/{package} restart') ],
	LIMITS_ABSENT: [ '/etc/init.d/{package} restart', _('/etc/init.d/{package} restart') ],
	RULE_LIMITS: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	RULE_COUNTS: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	RULE_PRIORITIES: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	RULE_DSCP: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	RULE_MARKS: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	MARK_RESTORED: [ 'set auto_exempt to 1 in /etc/config/offload, or restore the mark where packets come in', _('set auto_exempt to 1 in /etc/config/offload, or restore the mark where packets come in') ],
	RULE_TTL: [ 'set it in a chain of family netdev on the egress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt', _('set it in a chain of family netdev on the egress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt') ],
	RULE_CHANGES: [ 'change them in a chain of family netdev on the egress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt', _('change them in a chain of family netdev on the egress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt') ],
	RULE_COPIES: [ 'copy them in a chain of family netdev on the ingress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt', _('copy them in a chain of family netdev on the ingress hook, which packets that software offloads meet; or keep the traffic slow with a config exempt') ],
	RULE_OFFLOADS: [ 'delete that rule and its flowtable', _('delete that rule and its flowtable') ],
	RULE_QUEUES: [ 'give the zone an after_packets (30, say) where the program needs the first packets, or write a config exempt', _('give the zone an after_packets (30, say) where the program needs the first packets, or write a config exempt') ],
	RULE_DROPS: [ 'set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic', _('set auto_exempt to 1 in /etc/config/offload, or write a config exempt for its traffic') ],
	RULE_TIMES: [ 'start the service, which lets flows meet the rules again at such times: /etc/init.d/offload start', _('start the service, which lets flows meet the rules again at such times: /etc/init.d/offload start') ],
	RULE_BANS: [ 'start the service, which lets live flows meet the rules again: /etc/init.d/offload start', _('start the service, which lets live flows meet the rules again: /etc/init.d/offload start') ],
	LEGACY_TABLES: [ 'iptables-legacy-save and ip6tables-legacy-save show the rules: load those that limit or drop live connections with nft or iptables-nft, or keep their traffic slow with a config exempt', _('iptables-legacy-save and ip6tables-legacy-save show the rules: load those that limit or drop live connections with nft or iptables-nft, or keep their traffic slow with a config exempt') ],
	FILE_UNLOADED: [ '/etc/init.d/firewall reload, then offload check: it says what offload does about these rules', _('/etc/init.d/firewall reload, then offload check: it says what offload does about these rules') ],
	FILE_UNREAD: [ 'fw4 check: it says whether the firewall can be loaded with this file', _('fw4 check: it says whether the firewall can be loaded with this file') ],
	NOT_CUT: [ 'after a change of this rule: offload cut --host ADDRESS', _('after a change of this rule: offload cut --host ADDRESS') ],
	ACCOUNTING_OFF: [ 'sysctl -w net.netfilter.nf_conntrack_acct=1', _('sysctl -w net.netfilter.nf_conntrack_acct=1') ],
	COUNTERS_FROZEN: [ 'choose software where they matter: offload pair {src} {dest} software', _('choose software where they matter: offload pair {src} {dest} software') ],
	TIMEOUT_SHORT: [ 'sysctl -w net.netfilter.{setting}={least}', _('sysctl -w net.netfilter.{setting}={least}') ],
	KERNEL_CUT: [ 'offload flush first, then offload cut; or update OpenWrt', _('offload flush first, then offload cut; or update OpenWrt') ],
	KERNEL_TIMEOUT: [ 'update OpenWrt where long connections break', _('update OpenWrt where long connections break') ],
	KERNEL_PPPOE: [ 'list {devices} as exclude_device in config globals of /etc/config/offload, or update OpenWrt', _('list {devices} as exclude_device in config globals of /etc/config/offload, or update OpenWrt') ],
	KERNEL_HALF: [ 'update OpenWrt where the processor is busy with downloads', _('update OpenWrt where the processor is busy with downloads') ],
	KERNEL_FREED: [ 'update OpenWrt, or choose software, if the router restarts by itself', _('update OpenWrt, or choose software, if the router restarts by itself') ]
};

const CONSEQUENCES = {
	'the option is taken as not set': _('the option is taken as not set'),
	'the zone does not count, and its devices stay on the slow path': _('the zone does not count, and its devices stay on the slow path'),
	'the forwarding does not count': _('the forwarding does not count'),
	'zones without a mode of their own stay on the slow path, the others go on without it': _('zones without a mode of their own stay on the slow path, the others go on without it'),
	'the zone stays on the slow path': _('the zone stays on the slow path'),
	'the pair stays on the slow path': _('the pair stays on the slow path'),
	'the zone goes without it': _('the zone goes without it'),
	'it is taken in when it comes': _('it is taken in when it comes'),
	'nothing is kept out by it': _('nothing is kept out by it'),
	'this section has no effect': _('this section has no effect'),
	'nothing is offloaded': _('nothing is offloaded'),
	'zones without a mode and an after_packets of their own stay on the slow path': _('zones without a mode and an after_packets of their own stay on the slow path'),
	'zones without a mode and a family of their own stay on the slow path': _('zones without a mode and a family of their own stay on the slow path'),
	'no connection is ended': _('no connection is ended'),
	'the log has the default level, info': _('the log has the default level, info'),
	'hardware is asked again after 6 hours': _('hardware is asked again after 6 hours'),
	'it is left out, and the other values count': _('it is left out, and the other values count'),
	'it is left out, so this section keeps more traffic slow than it names': _('it is left out, so this section keeps more traffic slow than it names'),
	'this section has no effect, so what it means is offloaded': _('this section has no effect, so what it means is offloaded'),
	'this section is not needed': _('this section is not needed'),
	'the section counts as enabled': _('the section counts as enabled'),
	'the section goes by another name': _('the section goes by another name')
};

const PARTS = {
	hint: [ '(did you mean \'{best}\'?)', _('(did you mean \'{best}\'?)') ],
	choices: [ '{words} or {last}', _('{words} or {last}') ],
	consequence: [ 'all traffic from {src} to {dest} stays slow until this section is mended or deleted', _('all traffic from {src} to {dest} stays slow until this section is mended or deleted') ]
};

const BLANK = /\{(\w+)\}/g;
const literal = (text) => text.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&');

/** The words that an English sentence has for the braces of a form, by name; null if it does not have this form. */
function filled(form, text) {
	const names = [ ...form.matchAll(BLANK) ].map((found) => found[1]);
	const pattern = form.split(/\{\w+\}/).map(literal).join('([^]*?)');
	const found = new RegExp(`^${pattern}$`).exec(text);

	return found && Object.fromEntries(names.map((name, place) => [ name, found[place + 1] ]));
}

/** The sentence in the user's language; in English if it has no form here. `forms`: [ English, translated ]. */
function translated(forms, text) {
	const [ form, own ] = forms ?? [ '', '' ];
	const words = form && filled(form, text);

	return words ? own.replace(BLANK, (blank, name) => name in words ? part(name, words[name]) : blank) : text;
}

/** What the service has filled into a blank, in the user's language where it is more than a name or a number. */
function part(name, text) {
	const bare = text.trim(); // a hint begins with a blank

	if (CONSEQUENCES[text] || !bare || !(name in PARTS))
		return CONSEQUENCES[text] ?? text;

	return text.replace(bare, () => translated(PARTS[name], bare));
}

return baseclass.extend({
	/** The text of a Reason why something is not offloaded, { code, text } of a reply. */
	reason: (reason) => translated(REASONS[reason.code], String(reason.text)),

	/** The remedy of a Reason; empty if nothing can be done, or the page itself has the field for it. */
	remedy(reason) {
		const forms = REMEDIES[reason.code];

		return forms && reason.remedy ? translated(forms, String(reason.remedy)) : '';
	},

	/** The text of a problem of /etc/config/offload, or of what offload reads of the firewall's configuration. */
	problem: (problem) => translated(PROBLEMS[problem.code], String(problem.text)),

	/** The text of a problem of /etc/config/firewall that offload-firewall has found, without the section's name. */
	firewall: (problem) => translated(FIREWALL[problem.code], String(problem.text)),

	/** Why the service refused a call; where that is an address that is none, without the argument's name. */
	refusal(text) {
		const [ , sentence ] = /^(?:host|src_ip|dest_ip): ([^]*)$/.exec(text) ?? [];
		const own = filled(PROBLEMS.BAD_ADDRESS[0], `${sentence}; `);

		return own ? translated(PROBLEMS.BAD_ADDRESS, `${sentence}; `).replace(/; $/, '') : text;
	},

	/** A finding of `check` with its texts translated: what conflicts with offload, what was done, the remedy. */
	finding: (finding) => ({
		...finding,
		text: translated(FINDINGS[finding.code], String(finding.text)),
		done: finding.done ? translated(FINDINGS_DONE[finding.code], String(finding.done)) : '',
		remedy: finding.remedy ? translated(FINDINGS_REMEDIES[finding.code], String(finding.remedy)) : ''
	})
});
