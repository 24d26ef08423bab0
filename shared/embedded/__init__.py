"""The adapters of one machine: SQLite and a folder, with the semantics of the cloud's services,
durable under `kill -9` and power loss."""
