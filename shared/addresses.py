"""Which addresses belong to the public Internet, and which must never be reached for a user.

The tables follow IANA's special-purpose registries; `ipaddress.is_global` is not asked, because its
answer changed between patch releases of Python 3.11.
https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local; metadata of AWS, Azure, Google; ECS credentials
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata 192.0.0.192
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
OPEN_V6 = IPv6Network("2000::/3")
"""Global unicast: the only part of IPv6 in public use."""
CLOSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo, which hides an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which hides an IPv4 address; nobody serves from it any more
        "3fff::/20",
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
"""How a host without IPv4 reaches all of IPv4 (RFC 6052): the address inside is what counts."""


def read_address(text: str) -> Address:
    """The address; one that is IPv4 in IPv6's clothes (`::ffff:a.b.c.d`) as IPv4."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could reach it without us."""
    if isinstance(address, IPv4Address):
        return not is_in(address, CLOSED_V4)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in OPEN_V6 and not is_in(address, CLOSED_V6)


def is_in(address: Address, networks: Networks) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)
