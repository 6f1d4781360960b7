"""The tables of addresses: public, private, and connected to by nobody."""

import ipaddress

import pytest

from storage.fetching.addresses import is_private, is_public

PUBLIC = [
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.128.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2002:7f00:1::1",
    "fc00::1",
    "::ffff:127.0.0.1",
]
REFUSED = [
    "0.1.2.3",
    "100.100.100.200",  # Alibaba's metadata
    "168.63.129.16",  # Azure's platform service
    "169.254.169.254",  # the metadata of most clouds
    "169.254.170.2",  # the credentials of a container on AWS
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fd00:ec2::254",  # AWS's metadata
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "169.254.0.23",  # Tencent's metadata
    "169.254.170.23",  # the identity of a pod on AWS
    "fd00:ec2::23",
    "fd00:c1::a9fe:a9fe",  # Oracle's metadata
    "fd20:ce::254",  # Google's metadata
    "fd00:42::42",  # Scaleway's metadata
    "fe80::a9fe:a9fe",  # OpenStack's metadata
    "febf::1",
    "2002:a9fe:a9fe::",
    "::ffff:100.100.100.200",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert is_public(parsed)
    assert not is_private(parsed)


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert not is_public(parsed)
    assert is_private(parsed)


@pytest.mark.parametrize("address", REFUSED)
def test_refused_whatever_is_allowed(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert not is_public(parsed)
    assert not is_private(parsed)
