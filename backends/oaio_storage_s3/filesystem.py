"""The bucket as a filesystem of fsspec, for those who want one."""

from typing import Any

from oaio_storage_s3.options import S3Options


def filesystem_of(options: S3Options) -> Any:  # noqa: ANN401 - s3fs has no types
    """An s3fs filesystem of its own, which keeps no listings; its paths begin with the bucket."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - costs 0.4 s

    chosen = {"ServerSideEncryption": options.encryption, "SSEKMSKeyId": options.encryption_key}
    if options.storage_class:
        chosen["StorageClass"] = options.storage_class
    return S3FileSystem(
        anon=options.anonymous,
        key=options.access_key_id or None,
        secret=options.secret_access_key or None,
        token=options.session_token or None,
        profile=options.profile or None,
        endpoint_url=options.endpoint_used or None,
        client_kwargs={"region_name": options.region_used},
        config_kwargs={
            "connect_timeout": options.connect_timeout,
            "read_timeout": options.timeout,
            "s3": {"addressing_style": "virtual" if options.is_virtual else "path"},
        },
        s3_additional_kwargs={name: text for name, text in chosen.items() if text},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
