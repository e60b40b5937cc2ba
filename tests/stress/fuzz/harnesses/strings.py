"""Strings made from a fuzzer's bytes, and edits of strings."""


def strings(data: bytes, count: int) -> list[str | None]:
    """Split the bytes at 0xFF, which UTF-8 never contains, into `count` strings; missing ones are None."""
    parts = data.split(b"\xff", count - 1)
    return [string(part) for part in parts] + [None] * (count - len(parts))


def string(data: bytes) -> str:
    """Decode UTF-8, including lone surrogates because JSON can contain them; other bytes as Latin-1."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def edited(original: str, edits: bytes) -> str:
    """Edit the string: each three bytes are a position, a character to insert, and how many to remove."""
    for position, insert, remove in zip(edits[::3], edits[1::3], edits[2::3], strict=False):
        place = position * (len(original) + 1) // 256
        inserted = chr(insert) if insert else ""
        original = original[:place] + inserted + original[place + remove % 4 :]
    return original
