"""What a folder of this device holds now: a manifest, and what could not be told.

Of each path a scan says that it is *present* (in the manifest), *absent*, or *unknown*; only what is absent
was removed. Links below the root are never followed, also if one appears during the scan, and nothing but
regular files is read.
"""

from oaio_storage.scan.outcome import Scan
from oaio_storage.scan.reading import Digest, hash_file
from oaio_storage.scan.roots import check_apart, root_identity
from oaio_storage.scan.scanner import scan

__all__ = ["Digest", "Scan", "check_apart", "hash_file", "root_identity", "scan"]
