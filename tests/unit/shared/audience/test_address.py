"""Pseudonyms of client addresses."""

import hashlib
import hmac

from shared.audience.address import AddressDigest

ADDRESS = "203.0.113.77"


def test_a_digest_is_the_first_32_digits_of_the_keyed_sha256():
    expected = hmac.new("k\u00e9y".encode(), ADDRESS.encode(), hashlib.sha256).hexdigest()[:32]

    assert AddressDigest("k\u00e9y")(ADDRESS) == expected
    assert len(expected) == 32


def test_a_digest_never_changes_between_releases():
    assert AddressDigest("address-key")(ADDRESS) == "6e1fb9f6c8ba8d2ecc9e69db4acf7cfa"


def test_digests_differ_by_address_and_by_key():
    digest = AddressDigest("address-key")

    assert len({digest(ADDRESS), digest("203.0.113.78"), digest("2001:db8::7")}) == 3
    assert AddressDigest("another-key")(ADDRESS) != digest(ADDRESS)
