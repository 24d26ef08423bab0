"""The worker's image, built and run: `make test-container`."""
