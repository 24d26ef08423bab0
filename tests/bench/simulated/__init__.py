"""A fleet, its jobs and its market, as a discrete-event simulation."""
