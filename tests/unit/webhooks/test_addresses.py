"""Where a webhook may lead: every way to name a private address that is known to have worked somewhere."""

import pytest

from kit.errors import InvalidInput
from marketplace.webhooks.addresses import AddressRules

STRICT = AddressRules()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not STRICT.permits(address, secure=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_a_public_address_takes_tls_only(address: str) -> None:
    assert STRICT.permits(address, secure=True)
    assert not STRICT.permits(address, secure=False)


def test_an_allowed_network_takes_both_and_nothing_beside_it() -> None:
    rules = AddressRules.parse("127.0.0.0/8, fd00::/8")
    assert rules.permits("127.0.0.9", secure=False)
    assert rules.permits("::ffff:127.0.0.9", secure=False)
    assert rules.permits("fd00::1", secure=False)
    assert not rules.permits("10.0.0.1", secure=True)
    assert not rules.permits("93.184.216.34", secure=False)
    assert rules.permits("93.184.216.34", secure=True)


def test_a_wrong_network_names_its_setting() -> None:
    with pytest.raises(InvalidInput, match=r"QUANWANG_WEBHOOK_NETWORKS: '127\.0\.0\.1/8' must be networks"):
        AddressRules.parse("127.0.0.1/8")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "must be a URL of at most 500"),
        ("example.com/hooks", "must be a URL such as"),
        ("ftp://example.com/", "must be a URL such as"),
        ("https://", "must be a URL such as"),
        ("https://example.com:0/", "must be a URL such as"),
        ("https://example.com:99999/", "must be a URL such as"),
        ("https://[::1/", "must be a URL such as"),
        ("https://例子.com/", "printable ASCII"),
        ("https://example.com/a b", "printable ASCII"),
        ("https://example.com/\r\nx: y", "printable ASCII"),
        ("https://example.com\\@127.0.0.1/", "must be a URL such as"),
        ("https://name:word@example.com/", "no user name, password or fragment"),
        ("https://example.com/#part", "no user name, password or fragment"),
        ("http://example.com/", "must begin with https://"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("https://example.com/" + "a" * 500, "at most 500"),
    ],
)
def test_a_wrong_url_is_refused_with_the_reason(url: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        STRICT.check_url(url)
    assert rule in refused.value.sentence


def test_a_good_url_stays_as_it_is() -> None:
    assert STRICT.check_url("https://example.com:8443/hooks?a=b") == "https://example.com:8443/hooks?a=b"
    assert AddressRules.parse("127.0.0.0/8").check_url("http://localhost:8000/") == "http://localhost:8000/"
