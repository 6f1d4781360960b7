"""Which network addresses belong to the public internet, and which to private networks."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/32",  # connects to this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's networks, and by overlays
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/127",  # likewise, and ::1
        "fc00::/7",
    )
)
# Who may ask here gets the credentials of the machine. All of 169.254.0.0/16 and fe80::/10 is
# neither public nor private.
_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.100.100.200/32",  # Alibaba
        "fd00:ec2::/32",  # AWS: metadata, and the identities of containers
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "fd20:ce::254/128",  # Google
        "fd00:42::42/128",  # Scaleway
    )
)
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
    address = _meant(address)
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in network for network in _REFUSED)
    )


def is_private(address: Address) -> bool:
    """Whether an address is this machine's own or one of a private network.

    Link-local addresses and those where clouds keep metadata are not.
    """
    address = _meant(address)
    return any(address in network for network in _PRIVATE) and not any(
        address in network for network in _METADATA
    )


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
