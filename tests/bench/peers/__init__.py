"""What people would use instead, doing the same work: each in an environment of its own."""
