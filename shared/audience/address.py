"""Client addresses under pseudonyms, so that no table holds an IP address."""

import hmac


class AddressDigest:
    """Keyed hash of an address: without the key it cannot be computed, so trying all addresses is useless."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, address: str) -> str:
        """Return 32 hexadecimal digits of the address's HMAC-SHA256."""
        return hmac.digest(self._key, address.encode(), "sha256").hex()[:32]
