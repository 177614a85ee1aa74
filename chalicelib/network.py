"""Networks: how much of an address one party holds, and so what counters are kept by."""

from ipaddress import IPv4Address, IPv6Address, ip_address

# RFC 6177 §2, RFC 4291 §2.5.1: a site has a /64 at the least, and every address in it.
IPV6_PREFIX = 64
_LONGEST_ADDRESS = 45  # INET6_ADDRSTRLEN without its end


def network(address: str, ipv6_prefix: int = IPV6_PREFIX) -> str:
    """The network of `address`, in one spelling: an IPv4 address is its own, an IPv6 address is that of its first
    `ipv6_prefix` bits, and one that stands for an IPv4 address is that (RFC 4291 §2.5.5.2).

    What is no address is its own network too: nobody else's counter is touched by it.
    """
    try:
        parsed = ip_address(address.partition("%")[0] if len(address) <= _LONGEST_ADDRESS else "")
    except ValueError:
        return address[:_LONGEST_ADDRESS]
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    host_bits = 128 - ipv6_prefix
    return f"{IPv6Address(int(parsed) >> host_bits << host_bits)}/{ipv6_prefix}"
