"""Tables of iptables-legacy, as /proc/net lists them."""

from pathlib import Path

from offload.system.nft.iptables.legacy import legacy_tables


def test_tables_that_established_packets_pass_are_named(tmp_path: Path) -> None:
    assert legacy_tables(tmp_path) == ()
    (tmp_path / "ip_tables_names").write_text("nat\nmangle\nfilter\n")
    assert legacy_tables(tmp_path) == ("iptables filter", "iptables mangle")
    (tmp_path / "ip6_tables_names").write_text("filter\n")
    assert legacy_tables(tmp_path) == ("iptables filter", "iptables mangle", "ip6tables filter")
    (tmp_path / "ip_tables_names").write_text("nat\n")
    assert legacy_tables(tmp_path) == ("ip6tables filter",)
