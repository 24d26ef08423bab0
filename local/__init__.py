"""The system on one machine: an HTTP front, an event pump and workers under one supervisor."""
