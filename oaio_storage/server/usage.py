"""Who uses the storage hosts on offer."""

from django.db.models import Q

from oaio_storage.server.models import StoredVersion


def objects_on(csh_id: str) -> int:
    """How many objects have files on the host: in any version, unless they are deleted and settled."""
    lives = Q(object__current__deleted=False)
    waits = Q(conflict__isnull=False, conflict__settled_by__isnull=True)
    versions = StoredVersion.objects.filter(lives | waits, csh_id=csh_id).exclude(attached="")
    return versions.values("object").distinct().count()
