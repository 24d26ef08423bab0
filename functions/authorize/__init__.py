"""Who calls: the authorizer of the HTTP API."""
