"""An artwork's bytes, thumbnail and manifest into storage, before the table may name them."""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from gpu_worker.model import Encoded, Model
from gpu_worker.prepare import Prepared
from gpu_worker.registry import Registry
from shared.contract import Manifest
from shared.ports import Blob
from shared.records import JobRecord, Made
from shared.seeds import artwork_seed
from shared.system import System

PIXEL_LIBRARIES: tuple[str, ...] = ("torch", "numpy", "PIL")


@dataclass(frozen=True)
class Artwork:
    """What is to be stored of one artwork."""

    encoded: Encoded
    manifest: Manifest

    @cached_property
    def made(self) -> Made:
        """What is to be committed."""
        return Made(
            index=self.manifest.index,
            media_type=self.encoded.media_type,
            sha256=self.manifest.sha256,
            bytes=len(self.encoded.data),
            width=self.encoded.width,
            height=self.encoded.height,
            duration=self.encoded.duration,
            attempt=self.manifest.attempt,
        )

    def blobs(self, job: JobRecord) -> list[Blob]:
        """The artwork, its thumbnail and its manifest."""
        artwork, thumbnail, manifest = self.made.keys(job.tenant, job.id)
        return [
            Blob(artwork, self.encoded.data, self.encoded.media_type),
            Blob(thumbnail, self.encoded.thumbnail, "image/webp"),
            Blob(manifest, self.manifest.model_dump_json().encode(), "application/json"),
        ]


def store(system: System, made: Sequence[tuple[JobRecord, Sequence[Artwork]]]) -> None:
    """Write the blobs of these jobs. Repeatable: keys hold the digest."""
    system.artworks.put_all(
        [blob for job, artworks in made for artwork in artworks for blob in artwork.blobs(job)]
    )


def provenance(
    system: System,
    registry: Registry,
    model: Model,
    job: JobRecord,
    prepared: Prepared,
    encoded: Encoded,
    index: int,
) -> Manifest:
    """Everything that decided how this artwork looks."""
    return Manifest(
        artwork=f"{job.id}-{index}",
        model=model.about.name,
        version=model.about.version,
        weights=registry.weights(model),
        params=prepared.params.model_dump(mode="json"),
        text=dict(prepared.texts),
        seed=artwork_seed(job.seed, index),
        job_seed=job.seed,
        index=index,
        inputs=dict(prepared.digests),
        sha256=sha256(encoded.data).hexdigest(),
        media_type=encoded.media_type,
        code_version=system.settings.code_version,
        environment=environment(registry.device),
        attempt=job.attempt,
        made_at=system.now(),
    )


def environment(device: str) -> dict[str, str]:
    """The versions that pixels may depend on."""
    versions = {
        name: str(getattr(sys.modules[name], "__version__", "?"))
        for name in PIXEL_LIBRARIES
        if name in sys.modules
    }
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": device,
        **versions,
    }
