"""Blobs that no record names: stored by an attempt that ended before it could commit them."""

from shared.records import JobRecord
from shared.system import System


def remove_orphans(system: System, job: JobRecord) -> int:
    """Remove what lies under an ended job and is not named by it; how many blobs that were.

    Only the ended are tidied: a key holds the digest of its bytes, so while the job can still be
    worked on, another attempt may be about to commit the very blob that this one left behind.
    """
    if not job.status.ended:
        return 0
    named = {key for made in job.artworks for key in made.keys(job.tenant, job.id)}
    keep = frozenset() if job.deleted else named
    stray = [key for key in system.artworks.keys(f"{job.tenant}/{job.id}/") if key not in keep]
    for key in stray:
        system.artworks.delete(key)
    return len(stray)
