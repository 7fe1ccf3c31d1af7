// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices of the engine: what is sent at one end of a cable comes in at the other.
 *
 *	ip link add lan1 type engine
 *	ip link add link lan1 name eth0 netns client type engine
 *
 * They offer neither checksums nor segmentation, so every packet on the cable is whole and its checksums are right
 * or wrong, and a receiver looks.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "engine.h"

static const char fault_names[FAULTS][ETH_GSTRING_LEN] = {
	[FAULT_REFUSE] = "refuse",
	[FAULT_REFUSE_IPV6] = "refuse-ipv6",
	[FAULT_REFUSE_VLAN] = "refuse-vlan",
	[FAULT_REFUSE_PPPOE] = "refuse-pppoe",
	[FAULT_UNCOUNTED] = "uncounted",
	[FAULT_NO_BIND] = "no-bind",
	[FAULT_KEEP_RULES] = "keep-rules",
	[FAULT_BIND_NOTHING] = "bind-nothing",
};

static const char counter_names[COUNTERS][ETH_GSTRING_LEN] = {
	[COUNT_RULES] = "rules",
	[COUNT_TAKEN] = "taken",
	[COUNT_REFUSED] = "refused",
	[COUNT_DESTROYED] = "destroyed",
	[COUNT_FORWARDED] = "forwarded",
	[COUNT_BYTES] = "forwarded_bytes",
	[COUNT_NANOSECONDS] = "nanoseconds",
};

static int engine_string_count(struct net_device *dev, int set)
{
	switch (set) {
	case ETH_SS_STATS:
		return COUNTERS;
	case ETH_SS_PRIV_FLAGS:
		return FAULTS;
	}
	return -EOPNOTSUPP;
}

static void engine_strings(struct net_device *dev, u32 set, u8 *to)
{
	if (set == ETH_SS_STATS)
		memcpy(to, counter_names, sizeof(counter_names));
	if (set == ETH_SS_PRIV_FLAGS)
		memcpy(to, fault_names, sizeof(fault_names));
}

static void engine_counters(struct net_device *dev, struct ethtool_stats *stats, u64 *to)
{
	struct engine_port *port = netdev_priv(dev);

	spin_lock_bh(&engine_lock);
	memcpy(to, port->counters, sizeof(port->counters));
	spin_unlock_bh(&engine_lock);
}

static u32 engine_faults(struct net_device *dev)
{
	struct engine_port *port = netdev_priv(dev);

	return port->faults;
}

static int engine_set_faults(struct net_device *dev, u32 faults)
{
	struct engine_port *port = netdev_priv(dev);

	port->faults = faults;
	return 0;
}

static const struct ethtool_ops engine_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_sset_count = engine_string_count,
	.get_strings = engine_strings,
	.get_ethtool_stats = engine_counters,
	.get_priv_flags = engine_faults,
	.set_priv_flags = engine_set_faults,
};

/* Put a packet on the cable at `from`; it is the far end's from then on. */
void engine_cable(struct net_device *from, struct sk_buff *skb)
{
	struct engine_port *port = netdev_priv(from), *far;
	unsigned int length = skb->len;
	struct net_device *peer;

	DEV_STATS_INC(from, tx_packets);
	DEV_STATS_ADD(from, tx_bytes, length);
	rcu_read_lock();
	peer = rcu_dereference(port->peer);
	if (!peer || !netif_running(peer)) {
		kfree_skb(skb);
		goto out;
	}
	DEV_STATS_INC(peer, rx_packets);
	DEV_STATS_ADD(peer, rx_bytes, length);
	far = netdev_priv(peer);
	if (!engine_forward(far, skb))
		dev_forward_skb(peer, skb);
out:
	rcu_read_unlock();
}

static netdev_tx_t engine_xmit(struct sk_buff *skb, struct net_device *dev)
{
	skb_tx_timestamp(skb);
	skb = skb_share_check(skb, GFP_ATOMIC);	/* the kernel's packet generator keeps a hand on it */
	if (skb)
		engine_cable(dev, skb);
	return NETDEV_TX_OK;
}

static void engine_carrier(struct net_device *dev, bool up)
{
	struct engine_port *port = netdev_priv(dev);
	struct net_device *peer = rtnl_dereference(port->peer);

	if (peer && up && netif_running(peer)) {
		netif_carrier_on(dev);
		netif_carrier_on(peer);
	} else if (!up) {
		netif_carrier_off(dev);
		if (peer)
			netif_carrier_off(peer);
	}
}

static int engine_open(struct net_device *dev)
{
	engine_carrier(dev, true);
	netif_start_queue(dev);
	return 0;
}

static int engine_stop(struct net_device *dev)
{
	netif_stop_queue(dev);
	engine_carrier(dev, false);
	return 0;
}

static void engine_uninit(struct net_device *dev)
{
	engine_forget(netdev_priv(dev));
}

static int engine_iflink(const struct net_device *dev)
{
	const struct engine_port *port = netdev_priv(dev);
	const struct net_device *peer;
	int index;

	rcu_read_lock();
	peer = rcu_dereference(port->peer);
	index = peer ? peer->ifindex : dev->ifindex;
	rcu_read_unlock();
	return index;
}

const struct net_device_ops engine_netdev_ops = {
	.ndo_uninit = engine_uninit,
	.ndo_open = engine_open,
	.ndo_stop = engine_stop,
	.ndo_start_xmit = engine_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_get_iflink = engine_iflink,
	.ndo_setup_tc = engine_setup_tc,
};

static void engine_setup(struct net_device *dev)
{
	struct engine_port *port = netdev_priv(dev);

	ether_setup(dev);
	eth_hw_addr_random(dev);
	port->dev = dev;
	hash_init(port->by_key);
	hash_init(port->by_cookie);
	dev->netdev_ops = &engine_netdev_ops;
	dev->ethtool_ops = &engine_ethtool_ops;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	dev->max_mtu = ETH_MAX_MTU;
	dev->needs_free_netdev = true;
	dev->hw_features = NETIF_F_HW_TC;
	dev->features |= NETIF_F_HW_TC;
}

static int engine_newlink(struct net *net, struct net_device *dev, struct nlattr *tb[], struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	struct engine_port *port = netdev_priv(dev), *far = NULL;
	struct net_device *peer = NULL;
	int err;

	if (tb[IFLA_LINK]) {
		peer = __dev_get_by_index(net, nla_get_u32(tb[IFLA_LINK]));
		far = peer && peer->netdev_ops == &engine_netdev_ops ? netdev_priv(peer) : NULL;
		if (!far || rtnl_dereference(far->peer)) {
			NL_SET_ERR_MSG(extack, "link: not an engine device without a cable");
			return -EINVAL;
		}
	}
	netif_carrier_off(dev);
	err = register_netdevice(dev);
	if (err || !far)
		return err;
	rcu_assign_pointer(port->peer, peer);
	rcu_assign_pointer(far->peer, dev);
	return 0;
}

/* A device that goes takes the other end of its cable along. */
static void engine_dellink(struct net_device *dev, struct list_head *head)
{
	struct engine_port *port = netdev_priv(dev), *far;
	struct net_device *peer = rtnl_dereference(port->peer);

	RCU_INIT_POINTER(port->peer, NULL);
	unregister_netdevice_queue(dev, head);
	if (peer) {
		far = netdev_priv(peer);
		RCU_INIT_POINTER(far->peer, NULL);
		unregister_netdevice_queue(peer, head);
	}
}

static struct net *engine_link_net(const struct net_device *dev)
{
	const struct engine_port *port = netdev_priv(dev);
	const struct net_device *peer = rtnl_dereference(port->peer);

	return dev_net(peer ? peer : dev);
}

static struct rtnl_link_ops engine_link_ops = {
	.kind = "engine",
	.priv_size = sizeof(struct engine_port),
	.setup = engine_setup,
	.newlink = engine_newlink,
	.dellink = engine_dellink,
	.get_link_net = engine_link_net,
};

static int __init engine_init(void)
{
	int err = engine_rules_init();

	if (err)
		return err;
	err = rtnl_link_register(&engine_link_ops);
	if (err)
		engine_rules_exit();
	return err;
}

static void __exit engine_exit(void)
{
	rtnl_link_unregister(&engine_link_ops);
	engine_rules_exit();
}

module_init(engine_init);
module_exit(engine_exit);
MODULE_DESCRIPTION("Emulated flow offload engine, for tests");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RTNL_LINK("engine");
