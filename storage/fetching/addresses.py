"""Which network addresses belong to the public internet."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# What Python's tables hold for public or know only in newer versions (IANA's special-purpose
# registries), and the one service for virtual machines that lives at a public address.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's platform service
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet.

    An IPv6 address that stands for an IPv4 address (mapped, NAT64 of RFC 6052, 6to4) is judged by
    that one. A network's own NAT64 prefix cannot be told from a public address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in network for network in _REFUSED)
    )
