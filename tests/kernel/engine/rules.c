// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's side of a flowtable with `flags offload` (nf_flow_table_offload.c is the kernel's).
 *
 * The kernel offers every rule to every bound device. A device takes those of packets that come in on it, under the
 * cookie by which they are destroyed. When a flowtable is deleted, the kernel unbinds its devices before it ends its
 * flows, and so destroys none of their rules (6.13, and stable kernels since January 2025): a driver has to forget them.
 */
#include <linux/jhash.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/pkt_cls.h>

#include "engine.h"

DEFINE_SPINLOCK(engine_lock);

static unsigned int table_size = 65536;
module_param(table_size, uint, 0644);
MODULE_PARM_DESC(table_size, "rules that the chip holds, of all devices together");

static bool bind_anything;
module_param(bind_anything, bool, 0644);
MODULE_PARM_DESC(bind_anything, "binding any device succeeds, as in OpenWrt's kernels; its rules are refused");

static unsigned int rules;	/* of all devices */
static LIST_HEAD(block_cbs);
static LIST_HEAD(strangers);

static u32 key_hash(const struct engine_key *key)
{
	return jhash(key, sizeof(*key), 0);
}

struct engine_rule *engine_find(struct engine_port *port, const struct engine_key *key)
{
	struct engine_rule *rule;

	hash_for_each_possible(port->by_key, rule, by_key, key_hash(key))
		if (!memcmp(&rule->key, key, sizeof(*key)))
			return rule;
	return NULL;
}

static struct engine_rule *find_cookie(struct engine_port *port, unsigned long cookie)
{
	struct engine_rule *rule;

	hash_for_each_possible(port->by_cookie, rule, by_cookie, cookie)
		if (rule->cookie == cookie)
			return rule;
	return NULL;
}

static void drop(struct engine_port *port, struct engine_rule *rule)
{
	hash_del(&rule->by_key);
	hash_del(&rule->by_cookie);
	kfree(rule);
	rules--;
	port->counters[COUNT_RULES]--;
	port->counters[COUNT_DESTROYED]++;
}

void engine_forget(struct engine_port *port)
{
	struct engine_rule *rule;
	struct hlist_node *next;
	int bucket;

	spin_lock_bh(&engine_lock);
	hash_for_each_safe(port->by_cookie, bucket, next, rule, by_cookie)
		drop(port, rule);
	spin_unlock_bh(&engine_lock);
}

static int read_match(struct engine_port *port, struct engine_rule *rule, struct flow_rule *asked)
{
	struct engine_key *key = &rule->key;
	struct flow_match_basic basic;
	struct flow_match_ports ports;
	struct flow_match_meta meta;

	if (!flow_rule_match_key(asked, FLOW_DISSECTOR_KEY_META) ||
	    !flow_rule_match_key(asked, FLOW_DISSECTOR_KEY_BASIC) ||
	    !flow_rule_match_key(asked, FLOW_DISSECTOR_KEY_PORTS))
		return -EOPNOTSUPP;
	flow_rule_match_meta(asked, &meta);
	flow_rule_match_basic(asked, &basic);
	flow_rule_match_ports(asked, &ports);
	if (meta.key->ingress_ifindex != port->dev->ifindex)
		return -EOPNOTSUPP;
	key->family = basic.key->n_proto;
	key->proto = basic.key->ip_proto;
	key->sport = ports.key->src;
	key->dport = ports.key->dst;
	if (key->family == htons(ETH_P_IP)) {
		struct flow_match_ipv4_addrs addresses;

		flow_rule_match_ipv4_addrs(asked, &addresses);
		key->src.s6_addr32[0] = addresses.key->src;
		key->dst.s6_addr32[0] = addresses.key->dst;
	} else {
		struct flow_match_ipv6_addrs addresses;

		flow_rule_match_ipv6_addrs(asked, &addresses);
		key->src = addresses.key->src;
		key->dst = addresses.key->dst;
	}
	return 0;
}

static int read_actions(struct engine_port *port, struct engine_rule *rule, struct flow_rule *asked)
{
	struct flow_action_entry *action;
	int i;

	flow_action_for_each(i, action, &asked->action) {
		rule->vlan |= action->id == FLOW_ACTION_VLAN_POP || action->id == FLOW_ACTION_VLAN_PUSH;
		switch (action->id) {
		case FLOW_ACTION_MANGLE:
			if (rule->n_mangles == ENGINE_MANGLES)
				return -EOPNOTSUPP;
			rule->mangles[rule->n_mangles++] = (struct engine_mangle) {
				action->mangle.htype, action->mangle.offset, action->mangle.mask, action->mangle.val
			};
			break;
		case FLOW_ACTION_VLAN_PUSH:
		case FLOW_ACTION_PPPOE_PUSH:
			if (rule->n_tags == ENGINE_TAGS)
				return -EOPNOTSUPP;
			rule->tags[rule->n_tags++] = action->id == FLOW_ACTION_VLAN_PUSH ?
				(struct engine_tag) { action->vlan.proto, action->vlan.vid } :
				(struct engine_tag) { htons(ETH_P_PPP_SES), action->pppoe.sid };
			break;
		case FLOW_ACTION_REDIRECT:
			if (action->dev->netdev_ops != &engine_netdev_ops)
				return -EOPNOTSUPP;	/* the chip has no cable there */
			rule->out = action->dev->ifindex;
			break;
		case FLOW_ACTION_VLAN_POP:	/* what a packet came in with is taken off */
		case FLOW_ACTION_CSUM:		/* and what was changed is accounted for, in every case */
			break;
		default:
			return -EOPNOTSUPP;
		}
	}
	return rule->out ? 0 : -EOPNOTSUPP;
}

static bool has_pppoe(const struct engine_rule *rule)
{
	return rule->n_tags && rule->tags[rule->n_tags - 1].proto == htons(ETH_P_PPP_SES);
}

static bool refused_on_purpose(const struct engine_port *port, const struct engine_rule *rule)
{
	return test_bit(FAULT_REFUSE, &port->faults) ||
	       (test_bit(FAULT_REFUSE_IPV6, &port->faults) && rule->key.family == htons(ETH_P_IPV6)) ||
	       (test_bit(FAULT_REFUSE_VLAN, &port->faults) && rule->vlan) ||
	       (test_bit(FAULT_REFUSE_PPPOE, &port->faults) && has_pppoe(rule));
}

static int insert(struct engine_port *port, struct engine_rule *rule)
{
	if (find_cookie(port, rule->cookie))
		return -EEXIST;	/* the kernel asks again when a packet of the flow reaches the CPU */
	if (rules >= table_size)
		return -ENOSPC;
	hash_add(port->by_key, &rule->by_key, key_hash(&rule->key));
	hash_add(port->by_cookie, &rule->by_cookie, rule->cookie);
	rules++;
	port->counters[COUNT_RULES]++;
	port->counters[COUNT_TAKEN]++;
	return 0;
}

static int take(struct engine_port *port, struct flow_cls_offload *asked)
{
	struct engine_rule *rule = kzalloc(sizeof(*rule), GFP_KERNEL);
	int err;

	if (!rule)
		return -ENOMEM;
	rule->cookie = asked->cookie;
	rule->lastused = get_jiffies_64();
	err = read_match(port, rule, asked->rule);
	if (err)
		goto not_ours;
	err = read_actions(port, rule, asked->rule);
	if (!err && refused_on_purpose(port, rule))
		err = -EOPNOTSUPP;
	spin_lock_bh(&engine_lock);
	if (!err)
		err = insert(port, rule);
	if (err && err != -EEXIST)
		port->counters[COUNT_REFUSED]++;
	spin_unlock_bh(&engine_lock);
not_ours:
	if (err)
		kfree(rule);
	return err;
}

static int destroy(struct engine_port *port, struct flow_cls_offload *asked)
{
	struct engine_rule *rule;

	spin_lock_bh(&engine_lock);
	rule = find_cookie(port, asked->cookie);
	if (rule)
		drop(port, rule);
	spin_unlock_bh(&engine_lock);
	return rule ? 0 : -ENOENT;
}

static int tell(struct engine_port *port, struct flow_cls_offload *asked)
{
	bool counted = !test_bit(FAULT_UNCOUNTED, &port->faults);
	struct engine_rule *rule;

	spin_lock_bh(&engine_lock);
	rule = find_cookie(port, asked->cookie);
	if (rule) {
		flow_stats_update(&asked->stats, counted ? rule->bytes : 0, counted ? rule->packets : 0, 0,
				  rule->lastused, FLOW_ACTION_HW_STATS_DELAYED);
		rule->packets = rule->bytes = 0;
	}
	spin_unlock_bh(&engine_lock);
	return rule ? 0 : -ENOENT;
}

static int engine_block_cb(enum tc_setup_type type, void *data, void *priv)
{
	struct flow_cls_offload *asked = data;
	struct engine_port *port = priv;

	if (type != TC_SETUP_CLSFLOWER)
		return -EOPNOTSUPP;
	switch (asked->command) {
	case FLOW_CLS_REPLACE:
		return tc_can_offload(port->dev) ? take(port, asked) : -EOPNOTSUPP;
	case FLOW_CLS_DESTROY:
		return destroy(port, asked);
	case FLOW_CLS_STATS:
		return tell(port, asked);
	default:
		return -EOPNOTSUPP;
	}
}

int engine_setup_tc(struct net_device *dev, enum tc_setup_type type, void *data)
{
	struct engine_port *port = netdev_priv(dev);
	struct flow_block_offload *block = data;

	if (type != TC_SETUP_FT)
		return -EOPNOTSUPP;
	if (block->command == FLOW_BLOCK_BIND) {
		bool offers = tc_can_offload(dev) && !test_bit(FAULT_NO_BIND, &port->faults);

		if (test_bit(FAULT_BIND_NOTHING, &port->faults) || (bind_anything && !offers))
			return 0;
		if (!offers)
			return -EOPNOTSUPP;
	} else if (!test_bit(FAULT_KEEP_RULES, &port->faults)) {
		engine_forget(port);
	}
	return flow_block_cb_setup_simple(block, &block_cbs, engine_block_cb, port, port, true);
}

/* Bridges, veth and whatever else has no driver of its own for flowtables. */
static int stranger_cb(enum tc_setup_type type, void *data, void *priv)
{
	return -EOPNOTSUPP;
}

static void stranger_release(void *priv)
{
}

static int engine_indirect(struct net_device *dev, struct Qdisc *sch, void *priv, enum tc_setup_type type, void *data,
			   void *owner, void (*cleanup)(struct flow_block_cb *block_cb))
{
	struct flow_block_offload *block = data;
	struct flow_block_cb *cb;

	if (type != TC_SETUP_FT || !dev)
		return -EOPNOTSUPP;
	block->driver_block_list = &strangers;
	if (block->command == FLOW_BLOCK_UNBIND) {
		cb = flow_block_cb_lookup(block->block, stranger_cb, dev);
		if (!cb)
			return -ENOENT;
		flow_indr_block_cb_remove(cb, block);
		list_del(&cb->driver_list);
		return 0;
	}
	if (!bind_anything || flow_block_cb_is_busy(stranger_cb, dev, &strangers))
		return -EOPNOTSUPP;
	cb = flow_indr_block_cb_alloc(stranger_cb, dev, dev, stranger_release, block, dev, sch, owner, priv, cleanup);
	if (IS_ERR(cb))
		return PTR_ERR(cb);
	flow_block_cb_add(cb, block);
	list_add_tail(&cb->driver_list, &strangers);
	return 0;
}

int engine_rules_init(void)
{
	return flow_indr_dev_register(engine_indirect, &strangers);
}

void engine_rules_exit(void)
{
	flow_indr_dev_unregister(engine_indirect, &strangers, stranger_release);
}
