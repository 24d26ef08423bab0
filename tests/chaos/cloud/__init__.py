"""The chaos suite's stage in the cloud: the system on AWS adapters, over an emulator."""
