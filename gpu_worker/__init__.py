"""The worker: receive → prepare → generate → encode → store → commit."""
