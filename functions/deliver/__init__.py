"""The function behind the queue of webhooks."""
