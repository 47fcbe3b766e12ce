"""``python -m oaio_storage.cli``: the same as the script ``oaio``."""

import sys

from oaio_storage.cli import main

sys.exit(main())
