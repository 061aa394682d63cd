"""Which networks are public: own tables, because those of the ipaddress module differ by Python's patch level.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates), IANA IPv6 Address Space and
IPv4 Multicast registries; the IPv4 blocks were compared with a stored copy of the registry in November 2026. Metadata
services: the clouds' own manuals.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared, behind a provider's NAT; Alibaba's metadata too
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, where most clouds keep their metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments, all of it: Oracle's metadata, NAT64 discovery, DS-Lite
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # the former 6to4 relay
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything that is global unicast lies here; the rest (::/8, 64:ff9b:1::/48, 100::/64, 5f00::/16, fc00::/7, fe80::/10,
# the former site-local fec0::/10, multicast) is special or given to nobody.
GLOBAL_V6 = IPv6Network("2000::/3")
SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, ORCHID, AMT, AS112
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
MAPPED, COMPATIBLE = IPv6Network("::ffff:0:0/96"), IPv6Network("::/96")
TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # SIIT
NAT64, LOCAL_NAT64 = IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48")
SIX_TO_FOUR, TEREDO = IPv6Network("2002::/16"), IPv6Network("2001::/32")

# What hands out the machine's own credentials. Some of these lie in public or in private space.
METADATA: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("169.254.0.0/16"),  # AWS, Google, Azure, OpenStack, DigitalOcean, Hetzner; ECS is .170.2, Tencent .0.23
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure's wire server
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fd00:ec2::/32"),  # AWS: ::254 and, in EKS, ::23
    IPv6Network("fd20:ce::254/128"),  # Google
    IPv6Network("fe80::a9fe:a9fe/128"),  # OpenStack
)
LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data.ec2.internal"})


def is_loopback(host: str) -> bool:
    """Whether a host, by name or by address, is this very machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in LOOPBACK_NAMES or host.endswith(".localhost")


def is_public(address: Address) -> bool:
    """False for loopback, private, link-local, shared, multicast, reserved and metadata addresses.

    What carries an IPv4 address (mapped, NAT64, 6to4) is judged by that.
    """
    if is_metadata(address):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    if address in MAPPED or address in NAT64:
        return is_public(_low(address))
    if address in SIX_TO_FOUR:
        return is_public(ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF))
    return address in GLOBAL_V6 and not any(address in network for network in SPECIAL_V6)


def is_metadata(address: Address) -> bool:
    """Whether a cloud's metadata service answers there, in whatever notation."""
    return any(one in network for one in (address, *_carried(address)) for network in METADATA)


def _carried(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address may stand for."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if any(address in network for network in (MAPPED, COMPATIBLE, TRANSLATED, NAT64, LOCAL_NAT64)):
        yield _low(address)
    if address in SIX_TO_FOUR:
        yield ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    if address in TEREDO:
        yield ipaddress.IPv4Address(~int(address) & 0xFFFFFFFF)


def _low(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
