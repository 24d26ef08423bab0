"""Where an artwork's randomness comes from."""

from hashlib import blake2b


def artwork_seed(seed: int, index: int) -> int:
    """Artwork i draws from (seed, i): its picture does not depend on the job's other artworks."""
    return int.from_bytes(blake2b(f"{seed}/{index}".encode(), digest_size=6).digest())
