"""Object-created events become jobs: uploads that were waited for, and drops."""
