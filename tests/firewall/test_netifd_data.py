"""Data of netifd that reaches the firewall: any process may register a device or an interface with any name."""

import pytest

from offload.config.fw4.netifd_data import networks, sections


@pytest.mark.parametrize("name", ['x"y', "a b", "x;y", "$x", "a\nb", "*", "a" * 16, ""])
def test_a_device_that_nft_text_cannot_carry_is_no_device(name: str) -> None:
    reply = {
        "interface": [{"interface": "odd", "l3_device": name, "device": name, "data": {"firewall": [{"type": "rule"}]}}]
    }
    assert networks(reply)["odd"].device == ""
    assert all("device" not in options for _, _, options in sections(reply, {}))


@pytest.mark.parametrize("name", ["br-lan", "eth0.7", "wg+", "phy0-ap0", "6in4-wan@x"])
def test_a_plain_device_stays(name: str) -> None:
    assert networks({"interface": [{"interface": "lan", "l3_device": name}]})["lan"].device == name


@pytest.mark.parametrize("mask", [{}, {"mask": True}, {"mask": "24"}, {"mask": 33}])
def test_an_address_without_a_readable_mask_is_no_address(mask: dict[str, object]) -> None:
    dump = {"interface": [{"interface": "lan", "ipv4-address": [{"address": "192.168.1.1"} | mask]}]}
    assert networks(dump)["lan"].addresses == ()
