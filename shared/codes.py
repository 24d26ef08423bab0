"""Every code that a caller can be told, and what it means.

The OpenAPI document shows these; a test compares them with what the code says.
"""

REQUESTS = {
    "already_uploaded": "The ticket's bytes came before: they stay as they are.",
    "artwork_not_found": "There is no such artwork, or it is another tenant's.",
    "bad_request": "The request cannot be used.",
    "conflict": "The request does not fit what is there.",
    "delivery_not_found": "The job has no such webhook delivery.",
    "disk_failed": "The disk refuses; try again later.",
    "disk_full": "There is no room left; try again later.",
    "forbidden": "The caller may not do this.",
    "gone": "It was there and has been deleted.",
    "headers_too_large": "The head of the request is longer than 16 KiB.",
    "host_refused": "The `Host` is not one of this machine's names.",
    "idempotency_mismatch": "The `Idempotency-Key` was used for another request.",
    "internal_error": "Something went wrong on our side.",
    "invalid_request": "A field or a parameter is not what its schema says.",
    "job_ended": "The job has ended; nothing about it changes any more.",
    "job_not_found": "There is no such job, or it is another tenant's.",
    "length_required": "An upload needs a `Content-Length`.",
    "list_too_long": "The list cannot be searched in one go; try again later.",
    "malformed_request": "This is not HTTP, or the body is not JSON.",
    "method_not_allowed": "`Allow` names the methods of this path.",
    "model_not_found": "There is no such model in the catalogue.",
    "not_found": "There is nothing at this path.",
    "origin_refused": "Pages of another origin are not served.",
    "range_not_satisfiable": "The blob has no such bytes.",
    "request_timeout": "The request came too slowly.",
    "signature_mismatch": "The signed URL, or a signed header, was altered.",
    "too_large": "The body is larger than is taken.",
    "too_many_requests": "More than the tenant may submit in a minute; `Retry-After` says when.",
    "unauthenticated": "There is no good API key or token with the request.",
    "unavailable": "A service that we need does not answer; try again later.",
    "unsupported_media_type": "Send `Content-Type: application/json`.",
    "upload_exhausted": "As many jobs as may share an upload do: send it again.",
    "upload_incomplete": "The upload's bytes have not arrived yet.",
    "upload_not_found": "There is no such upload, or it is another tenant's.",
    "url_expired": "The signed URL is no longer good: ask for a fresh one.",
}
"""What an HTTP answer tells (`application/problem+json`)."""

JOBS = {
    "attempts_exhausted": "Workers were lost while they ran the job.",
    "batch_settings_invalid": "The drop folder's `atelier.json` cannot be used.",
    "dead_letter": "No worker could take the job, though it was offered again and again.",
    "image_crashed": "The file ends whatever tries to decode it.",
    "image_empty": "The picture has no pixels.",
    "image_too_complex": "The picture takes too much memory to decode.",
    "image_too_large": "The picture has more pixels than is taken.",
    "image_too_slow": "The picture takes too long to decode.",
    "image_truncated": "The picture ends before it should.",
    "image_unreadable": "The picture cannot be decoded.",
    "image_unsupported": "The picture is of a kind that is not read.",
    "input_invalid": "An input is not of a kind that is known.",
    "input_missing": "The input is no longer stored.",
    "input_too_large": "The file has more bytes than is taken.",
    "input_unusable": "The input cannot be used.",
    "model_failed": "The model raised an error.",
    "model_stalled": "The model took no step for too long.",
    "out_of_memory": "The device has too little memory for this job.",
    "params_invalid": "The parameters are not what the model takes.",
    "url_redirects": "The URL redirects too often.",
    "url_refused": "The URL does not lead to the public Internet over https.",
    "url_status": "The server behind the URL answered with an error.",
    "url_timeout": "The server behind the URL was too slow.",
    "url_too_large": "There is too much behind the URL.",
    "url_unreachable": "The server behind the URL cannot be reached.",
}
"""What a job's `error` tells; those that begin with `url_` also stand in a webhook's tries."""

CODES = REQUESTS | JOBS
