"""The event handlers: thin, each calling one plain function over the ports."""
