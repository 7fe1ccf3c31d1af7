/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An emulated flow offload engine, as switch chips of routers have one, for tests of the hardware path.
 *
 *   device.c    Ethernet devices, joined in pairs by a cable; what a test switches and reads with ethtool
 *   rules.c     what the kernel's flowtable asks of the driver: bind, take a rule, destroy it, tell its statistics
 *   forward.c   what the chip does: packets that a rule matches never reach the CPU
 *
 * To be loaded into test machines only.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <linux/hashtable.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <net/flow_offload.h>

#define ENGINE_TAGS 2		/* VLAN tags and PPPoE headers that the flowtable takes off or puts on, at most */
#define ENGINE_MANGLES 16	/* four for the MAC addresses, eight for IPv6 addresses, one or two for ports */

/* What a test can ask of a device: ethtool --set-priv-flags lan1 refuse-ipv6 on */
enum engine_fault {
	FAULT_REFUSE,		/* every rule */
	FAULT_REFUSE_IPV6,
	FAULT_REFUSE_VLAN,	/* rules that take off or put on a VLAN tag */
	FAULT_REFUSE_PPPOE,
	FAULT_UNCOUNTED,	/* statistics say that a rule is in use, and never how much, as some drivers do */
	FAULT_NO_BIND,		/* EOPNOTSUPP, as a driver without flow offload */
	FAULT_KEEP_RULES,	/* when it is unbound, as some drivers do */
	FAULT_BIND_NOTHING,	/* bound, and no callback: where the kernel ignores the EOPNOTSUPP above */
	FAULTS
};

/* What ethtool -S tells; only `rules` ever falls. */
enum engine_counter {
	COUNT_RULES,		/* in the table now, of packets that come in here */
	COUNT_TAKEN,
	COUNT_REFUSED,
	COUNT_DESTROYED,
	COUNT_FORWARDED,	/* packets that came in here and never reached the CPU */
	COUNT_BYTES,		/* of those, from the Ethernet header on */
	COUNT_NANOSECONDS,	/* that emulating the chip took from the CPU */
	COUNTERS
};

/*
 * Which packets a rule means, beside the device they come in on; IPv4 addresses stand in the first words. Tags are
 * not compared: the flowtable names them in the actions (VLAN_POP), and common chips do not look at them either.
 */
struct engine_key {
	struct in6_addr src, dst;
	__be16 sport, dport;
	__be16 family;		/* ETH_P_IP, ETH_P_IPV6 */
	u16 proto;
};

struct engine_mangle {
	enum flow_action_mangle_base header;
	u32 offset, mask, val;	/* word = (word & mask) | val, as it lies in memory */
};

struct engine_tag {
	__be16 proto;		/* ETH_P_8021Q, ETH_P_PPP_SES */
	u16 id;			/* of the VLAN, of the session */
};

struct engine_rule {
	struct hlist_node by_key, by_cookie;
	unsigned long cookie;
	struct engine_key key;
	struct engine_mangle mangles[ENGINE_MANGLES];
	struct engine_tag tags[ENGINE_TAGS];	/* to put on, outermost first */
	unsigned int n_mangles, n_tags;
	bool vlan;		/* takes off a tag or puts one on */
	int out;		/* ifindex; the device may be gone when a packet comes */
	u64 packets, bytes;	/* since statistics were last asked for */
	u64 lastused;		/* jiffies */
};

struct engine_port {
	struct net_device *dev;
	struct net_device __rcu *peer;	/* the other end of the cable */
	DECLARE_HASHTABLE(by_key, 10);
	DECLARE_HASHTABLE(by_cookie, 10);
	unsigned long faults;
	u64 counters[COUNTERS];
};

extern spinlock_t engine_lock;	/* guards the rules and counters of every port */
extern const struct net_device_ops engine_netdev_ops;

int engine_setup_tc(struct net_device *dev, enum tc_setup_type type, void *data);
void engine_forget(struct engine_port *port);
struct engine_rule *engine_find(struct engine_port *port, const struct engine_key *key);
int engine_rules_init(void);
void engine_rules_exit(void);

bool engine_forward(struct engine_port *port, struct sk_buff *skb);
void engine_cable(struct net_device *from, struct sk_buff *skb);

#endif
