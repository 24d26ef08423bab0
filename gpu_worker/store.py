"""An artwork's bytes, thumbnail and manifest into storage, before the table may name them."""

import platform
import sys
from hashlib import sha256

from gpu_worker.model import Encoded, Model
from gpu_worker.prepare import Prepared
from gpu_worker.registry import Registry
from shared.contract import Manifest
from shared.records import JobRecord, Made
from shared.seeds import artwork_seed
from shared.system import System

PIXEL_LIBRARIES: tuple[str, ...] = ("torch", "numpy", "PIL")


def store(system: System, job: JobRecord, encoded: Encoded, index: int, manifest: Manifest) -> Made:
    """Write the three blobs, and say what is to be committed. Repeatable: keys hold the digest."""
    made = Made(
        index=index,
        media_type=encoded.media_type,
        sha256=manifest.sha256,
        bytes=len(encoded.data),
        width=encoded.width,
        height=encoded.height,
        duration=encoded.duration,
        attempt=job.attempt,
    )
    place = (job.tenant, job.id)
    system.artworks.put(made.key(*place), encoded.data, encoded.media_type)
    system.artworks.put(made.thumbnail_key(*place), encoded.thumbnail, "image/webp")
    system.artworks.put(
        made.manifest_key(*place), manifest.model_dump_json().encode(), "application/json"
    )
    return made


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
