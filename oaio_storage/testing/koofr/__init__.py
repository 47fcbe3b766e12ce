"""A server with the API of Koofr and Digi Storage, for tests: ``python -m oaio_storage.testing.koofr``."""
