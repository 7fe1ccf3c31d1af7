"""Two listings of a table: what goes and what comes."""

from offload.nft.compare import differences

THERE = """table inet fw4 {
	set hosts {
		type ipv4_addr
		elements = { 10.0.0.1 timeout 1h expires 59m, 10.0.0.2,
				10.0.0.9 }
	}

	set theirs {
		type ipv4_addr
	}

	flowtable ft {
		hook ingress priority filter
		devices = { eth0 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 22 counter accept comment "!fw4: ssh"
		tcp dport 80 accept comment "acme"
		flow add @ft
	}

	chain gone {
		accept
	}
}
"""
WANTED = """table inet fw4_next {
	flags dormant

	set hosts {
		type ipv6_addr
		elements = { 10.0.0.2,
				10.0.0.3, 10.0.0.1 timeout 1h }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 22 counter accept comment "!fw4: ssh"
		tcp dport 443 counter accept
	}

	chain empty {
	}
}
"""


def test_what_goes_and_what_comes_by_object() -> None:
    assert list(differences(THERE, WANTED)) == [
        ("set hosts", ["type ipv4_addr"], ["type ipv6_addr", "element 10.0.0.3"]),
        (
            "chain input",
            [
                "type filter hook input priority filter; policy drop;",
                'tcp dport 80 accept comment "acme"',
            ],
            ["type filter hook input priority filter; policy accept;", "tcp dport 443 counter accept"],
        ),
        ("chain empty (new)", [], []),
        ("chain gone", ["accept"], []),
    ]


def test_nothing_differs_from_itself() -> None:
    for listing in (THERE, WANTED, ""):
        assert list(differences(listing, listing)) == []


def test_without_a_table_everything_comes() -> None:
    found = list(differences("", WANTED))
    assert [name for name, _, _ in found] == ["set hosts (new)", "chain input (new)", "chain empty (new)"]
