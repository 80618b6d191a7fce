"""Which addresses a webhook may lead to: those of the public internet, never our own or a neighbour's by accident."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from kit.errors import InvalidInput
from marketplace.webhooks.tables import MAX_URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_EMBEDDED_V4: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a translator turns into the IPv4 address in their last 32 bits."""

_SPECIAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16")
)
"""Special purposes by IANA's registries that older Pythons take for public."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Addresses outside the public internet that are allowed all the same, and there http:// too."""

    allowed: tuple[Network, ...] = ()

    @staticmethod
    def parse(text: str, name: str = "QUANWANG_WEBHOOK_NETWORKS") -> "AddressRules":
        """Read networks such as ``127.0.0.0/8,10.1.0.0/16``. Raises InvalidInput for the setting ``name``."""
        networks: list[Network] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(part))
            except ValueError as error:
                rule = "must be networks such as 127.0.0.0/8, with a comma between them"
                raise InvalidInput(name, part, rule) from error
        return AddressRules(tuple(networks))

    def permits(self, address: str, *, secure: bool) -> bool:
        """Whether a webhook may be sent to this address; ``secure``: over TLS."""
        found = _bare(ipaddress.ip_address(address.partition("%")[0]))
        if any(found.version == network.version and found in network for network in self.allowed):
            return True
        return secure and _is_public(found)

    def check_url(self, url: str) -> str:
        """Return the URL of a webhook as it is kept. Raises InvalidInput that says what is wrong with it.

        A name is looked up at every delivery and its address checked then; what can be said at once is said here.
        """
        if not 1 <= len(url) <= MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidInput("url", url, f"must be a URL of at most {MAX_URL} printable ASCII characters")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidInput("url", url, "must be a URL such as https://example.com/hooks") from error
        if parts.scheme not in ("https", "http") or not host or port == 0 or "\\" in url:
            raise InvalidInput("url", url, "must be a URL such as https://example.com/hooks")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise InvalidInput("url", url, "must hold no user name, password or fragment; deliveries are signed")
        if parts.scheme == "http" and not self.allowed:
            raise InvalidInput("url", url, "must begin with https://")
        literal = _literal(host)
        if literal is not None and not self.permits(str(literal), secure=parts.scheme == "https"):
            raise InvalidInput("url", url, "leads to an address that is not public; webhooks are not sent there")
        return url


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bare(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _EMBEDDED_V4:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.is_site_local or address.teredo is not None):
        return False
    special = any(address.version == network.version and address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not special


def refused(host: str, addresses: Sequence[str]) -> str:
    """Return the sentence for a name that leads where nothing may be sent."""
    return (
        f"{host} leads to {', '.join(addresses[:3])}, which is not public: webhooks are sent to public addresses by"
        " https only"
    )
