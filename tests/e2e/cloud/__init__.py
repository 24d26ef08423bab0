"""The whole system on the adapters of AWS: the template on an emulator, the built functions, a
worker."""
