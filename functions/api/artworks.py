"""`/v1/artworks`: the links that do not die."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.api.app import app, bodiless, caller, documented, reply
from functions.api.jobs import own_job
from shared.bootstrap import connect
from shared.contract import ArtworkId, Manifest
from shared.errors import ArtworkNotFound
from shared.records import JobRecord, Made
from shared.system import System

GivenId = Annotated[ArtworkId, Path(description="The artwork's id: `<job>-<index>`.")]


def own_artwork(system: System, tenant: str, artwork_id: str) -> tuple[JobRecord, Made]:
    """The tenant's artwork and the job that it belongs to."""
    job_id, _, index = artwork_id.partition("-")
    job = own_job(system, tenant, job_id)
    for made in job.artworks:
        if str(made.index) == index:
            return job, made
    raise ArtworkNotFound(f"there is no artwork {artwork_id}")


@app.get(
    "/v1/artworks/<artwork_id>",
    summary="Go to an artwork's bytes",
    responses=bodiless(302, "To a fresh signed URL") | documented(404, 410, 422),
    tags=["artworks"],
)
def get_artwork(artwork_id: GivenId) -> Response[Any]:
    system = connect()
    job, made = own_artwork(system, caller(), artwork_id)
    url = system.artworks.sign_get(made.key(job.tenant, job.id), system.now())
    return reply(None, 302, Location=url, Cache_Control="no-store")


@app.get(
    "/v1/artworks/<artwork_id>/manifest",
    summary="Why an artwork looks as it does",
    responses=documented(404, 410, 422, _200=Manifest),
    tags=["artworks"],
)
def get_manifest(artwork_id: GivenId) -> Response[Any]:
    system = connect()
    job, made = own_artwork(system, caller(), artwork_id)
    stored = system.artworks.get(made.manifest_key(job.tenant, job.id))
    if stored is None:
        raise ArtworkNotFound(f"artwork {artwork_id} has no manifest")
    return reply(Manifest.model_validate_json(stored))
