// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the chip does with a packet as it comes in: what a rule matches is changed as the rule says and leaves at
 * the rule's device. Everything else, and what such chips do not do either, goes to the CPU: the packets that open
 * or end a TCP connection, fragments, IP options, an expiring hop count, a packet too large for the way out.
 */
#include <linux/if_ether.h>
#include <linux/if_pppox.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/ppp_defs.h>
#include <linux/sched/clock.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/checksum.h>

#include "engine.h"

#define HEADERS (VLAN_ETH_HLEN + VLAN_HLEN + PPPOE_SES_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr))

struct packet {
	struct engine_key key;
	unsigned int l3, l4;	/* offsets from the Ethernet header */
};

/* Ethernet, VLAN tags and PPPoE: where the IP header is, and which. */
static bool read_link(struct sk_buff *skb, struct packet *packet)
{
	const u8 *data = skb->data;
	__be16 proto = ((const struct ethhdr *)data)->h_proto;
	unsigned int at = ETH_HLEN, tags = 0;

	for (; proto == htons(ETH_P_8021Q) && tags < ENGINE_TAGS && pskb_may_pull(skb, at + VLAN_HLEN); tags++) {
		const struct vlan_hdr *tag = (const void *)(skb->data + at);

		proto = tag->h_vlan_encapsulated_proto;
		at += VLAN_HLEN;
	}
	if (proto == htons(ETH_P_PPP_SES) && pskb_may_pull(skb, at + PPPOE_SES_HLEN)) {
		__be16 inner = *(const __be16 *)(skb->data + at + sizeof(struct pppoe_hdr));

		proto = inner == htons(PPP_IP) ? htons(ETH_P_IP) : inner == htons(PPP_IPV6) ? htons(ETH_P_IPV6) : 0;
		at += PPPOE_SES_HLEN;
	}
	packet->key.family = proto;
	packet->l3 = at;
	return proto == htons(ETH_P_IP) || proto == htons(ETH_P_IPV6);
}

static bool read_ip(struct sk_buff *skb, struct packet *packet)
{
	struct engine_key *key = &packet->key;

	if (key->family == htons(ETH_P_IP)) {
		const struct iphdr *ip = (const void *)(skb->data + packet->l3);

		if (!pskb_may_pull(skb, packet->l3 + sizeof(*ip)))
			return false;
		ip = (const void *)(skb->data + packet->l3);
		key->src.s6_addr32[0] = ip->saddr;
		key->dst.s6_addr32[0] = ip->daddr;
		key->proto = ip->protocol;
		packet->l4 = packet->l3 + sizeof(*ip);
		return ip->ihl == 5 && !ip_is_fragment(ip) && ip->ttl > 1;
	} else {
		const struct ipv6hdr *ip;

		if (!pskb_may_pull(skb, packet->l3 + sizeof(*ip)))
			return false;
		ip = (const void *)(skb->data + packet->l3);
		key->src = ip->saddr;
		key->dst = ip->daddr;
		key->proto = ip->nexthdr;
		packet->l4 = packet->l3 + sizeof(*ip);
		return ip->hop_limit > 1;
	}
}

static bool read_ports(struct sk_buff *skb, struct packet *packet)
{
	bool tcp = packet->key.proto == IPPROTO_TCP;
	unsigned int size = tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	const struct udphdr *ports;

	if ((!tcp && packet->key.proto != IPPROTO_UDP) || !pskb_may_pull(skb, packet->l4 + size))
		return false;
	ports = (const void *)(skb->data + packet->l4);
	packet->key.sport = ports->source;
	packet->key.dport = ports->dest;
	return !tcp || !(tcp_flag_word((const struct tcphdr *)ports) & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST));
}

/* The checksum that covers ports and addresses; none where a UDP sender has left it out. */
static __sum16 *transport_sum(struct sk_buff *skb, const struct packet *packet)
{
	void *header = skb->data + packet->l4;

	if (packet->key.proto == IPPROTO_TCP)
		return &((struct tcphdr *)header)->check;
	return ((struct udphdr *)header)->check ? &((struct udphdr *)header)->check : NULL;
}

static void change(struct sk_buff *skb, const struct packet *packet, const struct engine_mangle *mangle)
{
	bool ip = mangle->header == FLOW_ACT_MANGLE_HDR_TYPE_IP4 || mangle->header == FLOW_ACT_MANGLE_HDR_TYPE_IP6;
	u8 *header = skb->data;
	__be32 *word, old;
	__sum16 *sum;

	if (ip)
		header += packet->l3;
	else if (mangle->header != FLOW_ACT_MANGLE_HDR_TYPE_ETH)
		header += packet->l4;
	word = (__be32 *)(header + mangle->offset);
	old = *word;
	*word = (__force __be32)(((__force u32)old & mangle->mask) | mangle->val);
	if (mangle->header == FLOW_ACT_MANGLE_HDR_TYPE_ETH)
		return;
	if (mangle->header == FLOW_ACT_MANGLE_HDR_TYPE_IP4)
		csum_replace4(&((struct iphdr *)header)->check, old, *word);
	sum = transport_sum(skb, packet);
	if (sum) {
		inet_proto_csum_replace4(sum, skb, old, *word, ip);
		if (packet->key.proto == IPPROTO_UDP && !*sum)
			*sum = CSUM_MANGLED_0;
	}
}

static void one_hop_less(struct sk_buff *skb, const struct packet *packet)
{
	void *header = skb->data + packet->l3;

	if (packet->key.family == htons(ETH_P_IP))
		ip_decrease_ttl(header);
	else
		((struct ipv6hdr *)header)->hop_limit--;
}

/* Take off what the packet came in with, and put on what the rule says. */
static void wrap(struct sk_buff *skb, const struct packet *packet, const struct engine_rule *rule)
{
	u8 addresses[2 * ETH_ALEN];
	__be16 proto = packet->key.family;
	int i;

	memcpy(addresses, skb->data, sizeof(addresses));
	skb_pull(skb, packet->l3);
	for (i = rule->n_tags - 1; i >= 0; i--) {
		const struct engine_tag *tag = &rule->tags[i];

		if (tag->proto == htons(ETH_P_PPP_SES)) {
			__be16 ppp = proto == htons(ETH_P_IP) ? htons(PPP_IP) : htons(PPP_IPV6);
			struct pppoe_hdr *session;

			*(__be16 *)skb_push(skb, sizeof(ppp)) = ppp;
			session = skb_push(skb, sizeof(*session));
			*session = (struct pppoe_hdr) {
				.ver = 1, .type = 1, .sid = htons(tag->id),
				.length = htons(skb->len - sizeof(*session)),
			};
		} else {
			struct vlan_hdr *vlan = skb_push(skb, VLAN_HLEN);

			*vlan = (struct vlan_hdr) { htons(tag->id), proto };
		}
		proto = tag->proto;
	}
	*(__be16 *)skb_push(skb, sizeof(proto)) = proto;
	memcpy(skb_push(skb, sizeof(addresses)), addresses, sizeof(addresses));
	skb_reset_mac_header(skb);
	skb->protocol = proto;
}

/* The device a packet leaves at, changed for it; none where it is the CPU's. */
static struct net_device *rewritten(struct engine_port *port, struct sk_buff *skb, struct packet *packet)
{
	struct engine_rule *rule;
	struct net_device *out;
	int i;

	rule = engine_find(port, &packet->key);
	if (!rule)
		return NULL;
	out = dev_get_by_index_rcu(dev_net(port->dev), rule->out);
	if (!out || out->netdev_ops != &engine_netdev_ops || !netif_running(out) ||
	    skb->len - packet->l3 > out->mtu || skb_cow_head(skb, HEADERS))
		return NULL;
	rule->packets++;
	rule->bytes += skb->len - packet->l3;
	rule->lastused = get_jiffies_64();
	port->counters[COUNT_FORWARDED]++;
	port->counters[COUNT_BYTES] += skb->len;
	for (i = 0; i < rule->n_mangles; i++)
		change(skb, packet, &rule->mangles[i]);
	one_hop_less(skb, packet);
	wrap(skb, packet, rule);
	return out;
}

/* Whether the chip has taken a packet that came in at `port`. Called under rcu_read_lock with softirqs off. */
bool engine_forward(struct engine_port *port, struct sk_buff *skb)
{
	u64 begin = local_clock();
	struct packet packet = { };
	struct net_device *out;

	if (!READ_ONCE(port->counters[COUNT_RULES]) || !pskb_may_pull(skb, ETH_HLEN) || !read_link(skb, &packet) ||
	    !read_ip(skb, &packet) || !read_ports(skb, &packet))
		return false;
	spin_lock(&engine_lock);
	out = rewritten(port, skb, &packet);
	if (out)
		port->counters[COUNT_NANOSECONDS] += local_clock() - begin;
	spin_unlock(&engine_lock);
	if (!out)
		return false;
	engine_cable(out, skb);
	return true;
}
