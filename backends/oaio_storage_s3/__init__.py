"""The backend ``S3``: a bucket, or a part of it, of Amazon S3 or anything that speaks its protocol."""

from oaio_storage_s3.api import S3Api

__all__ = ["S3Api"]
