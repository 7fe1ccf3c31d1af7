"""The nft text of a Plan: as designed, and safe whatever names the kernel and the user have."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nft_text import strange_lines
from offload.compiler.offload.tables.render import NOTHING, render, render_table
from offload.config.load import load
from offload.model.network import Link, Network, Snapshot
from offload.model.plan import Element, Plan, PolicyKey, Table
from offload.model.sections.section import Section
from offload.service.reconcile import decide
from random_routers import HOSTILE, ODD_DEVICES
from strategies import gate

POLICIES = (PolicyKey(0, "any"), PolicyKey(20, "ipv4"))
ELEMENTS = (
    Element("br-lan", "pppoe-wan", POLICIES[0], ("lan", "wan")),
    Element("wan", "br-lan", POLICIES[1], ("wan", "lan")),
)
TABLE = Table("flow_offload", "sw", False, ("br-lan", "wan"), ELEMENTS, remembered=31744)
KEY4 = "ct original ip saddr . ct original ip daddr . ct id"
KEY6 = "ct original ip6 saddr . ct original ip6 daddr . ct id"
TEXT = """table inet flow_offload {
	flowtable sw {
		hook ingress priority filter
		devices = { "br-lan", "wan" }
		counter
	}

	set replied4 {
		typeof KEY4
		size 31744
		flags dynamic, timeout
		timeout 60s
	}

	set replied6 {
		typeof KEY6
		size 31744
		flags dynamic, timeout
		timeout 60s
	}

	chain first {
		ct status & 0x80 == 0 accept
		delete @replied4 { KEY4 }
		delete @replied6 { KEY6 }
	}

	chain replied {
		update @replied4 { KEY4 } accept
		update @replied6 { KEY6 } accept
		counter accept
	}

	chain guard {
		KEY4 != @replied4 accept
		KEY6 != @replied6 accept
	}

	chain policy_0 {
		ct state != established goto first
		ct direction reply accept
		jump guard
		flow add @sw
	}

	chain policy_20_ipv4 {
		ct state != established goto first
		ct direction reply accept
		meta nfproto != ipv4 accept
		jump guard
		ct original packets < 20 accept
		flow add @sw
	}

	chain replies {
		ct state != established goto first
		ct direction reply goto replied
	}

	chain replies_ipv4 {
		ct state != established goto first
		ct direction reply meta nfproto ipv4 goto replied
	}

	chain exempt {
	}

	map crossings {
		type iface_index . iface_index : verdict
		elements = {
			"br-lan" . "pppoe-wan" : goto policy_0,
			"br-lan" . "wan" : goto replies_ipv4,
			"pppoe-wan" . "br-lan" : goto replies,
			"wan" . "br-lan" : goto policy_20_ipv4,
		}
	}

	chain postrouting {
		type nat hook postrouting priority -199; policy accept;
		delete @replied4 { KEY4 }
		delete @replied6 { KEY6 }
	}

	chain forward {
		type filter hook forward priority filter + 10; policy accept;
		iif . oif vmap @crossings
	}
}
""".replace("KEY4", KEY4).replace("KEY6", KEY6)


def without_comments(text: str) -> str:
    return "".join(f"{line.partition(' comment ')[0]}\n" for line in text.splitlines())


def test_a_table_is_the_picture_of_the_design() -> None:
    assert without_comments(render_table(TABLE)) == TEXT


def test_with_the_chain_of_another_table_behind_it_the_forward_chain_is_behind_that() -> None:
    text = without_comments(render_table(replace(TABLE, late=True)))
    assert text == TEXT.replace("forward priority filter + 10;", "forward priority 2147483647;")


def test_a_hardware_table_has_its_flag() -> None:
    table = Table("flow_offload_hw", "hw", hardware=True, devices=("wan",), elements=ELEMENTS[:1])
    assert "\t\tflags offload\n" in render_table(table)
    assert "flow add @hw" in render_table(table)


def test_an_empty_plan_takes_away_what_was_there() -> None:
    text = render(Plan())
    assert text.endswith(NOTHING)
    assert text.splitlines()[:4] == [
        "table inet flow_offload",
        "delete table inet flow_offload",
        "table inet flow_offload_hw",
        "delete table inet flow_offload_hw",
    ]


names = st.one_of(st.sampled_from((*HOSTILE, *ODD_DEVICES, "lan1", "wg0")), st.text(max_size=16))


@gate
@given(port=names, l3=names, device=names, listed=names, address=names, zone=names)
def test_no_name_gets_out_of_its_place(port: str, l3: str, device: str, listed: str, address: str, zone: str) -> None:
    """Names of the kernel, of netifd and of the user, each where it can stand."""
    firewall = (
        Section("firewall", "zone", "z", "@zone[0]", {"name": "lan", "network": "lan", "device": (device, "eth+")}),
        Section("firewall", "zone", "z", "@zone[1]", {"name": "wan", "network": ("wan",), "forward": "ACCEPT"}),
        Section("firewall", "zone", "z", "@zone[2]", {"name": zone, "device": (port,)}),
        Section("firewall", "forwarding", "f", "@forwarding[0]", {"src": "lan", "dest": "wan"}),
        Section("firewall", "forwarding", "f", "@forwarding[1]", {"src": zone, "dest": "wan"}),
    )
    offload = (
        Section("offload", "globals", "globals", "globals", {"mode": "hardware", "device": (listed,)}),
        Section("offload", "exempt", "e", "@exempt[0]", {"name": address, "src": "lan", "src_ip": (address,)}),
    )
    links = tuple(Link(name, "bridge" if name == l3 else "", hw_tc_offload=True) for name in {port, l3, device, listed})
    master = Link(f"{port}0", master=l3, hw_tc_offload=True)
    snapshot = Snapshot(
        links=(*links, master),
        networks=(Network("lan", l3_device=l3), Network("wan", l3_device=port)),
    )
    packages = {"firewall": firewall, "offload": offload}
    decided = decide(packages, snapshot)
    assert strange_lines(render(decided.plan)) == []
    assert render(decide(packages, snapshot).plan) == render(decided.plan)
    assert load(packages)[0] == decided.config
