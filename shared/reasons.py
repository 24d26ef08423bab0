"""Why something is not valid, without the thing itself, which may be a prompt."""

from pydantic import ValidationError

MOST = 3


def reasons(error: ValidationError) -> str:
    """Where, and what is wrong there."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MOST]
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
