"""What a harness makes of a fuzzer's bytes: texts, and changes to a text."""


def texts(data: bytes, count: int) -> list[str | None]:
    """Cut the bytes at 0xFF, which is nowhere in UTF-8; what there is not enough for is None."""
    pieces = data.split(b"\xff", count - 1)
    return [text(piece) for piece in pieces] + [None] * (count - len(pieces))


def text(piece: bytes) -> str:
    """Decode UTF-8, half surrogate pairs too, for JSON can bring them; other bytes each as a character."""
    try:
        return piece.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return piece.decode("latin-1")


def edited(original: str, edits: bytes) -> str:
    """Change the text: each three bytes are a place, what to put there, how much to take out."""
    for at, put, out in zip(edits[::3], edits[1::3], edits[2::3], strict=False):
        place = at * (len(original) + 1) // 256
        new = chr(put) if put else ""
        original = original[:place] + new + original[place + out % 4 :]
    return original
