"""The pytest plug-in: assertions in the contract kit explain themselves as those in a test do."""

import pytest

pytest.register_assert_rewrite("oaio_storage.testing")
