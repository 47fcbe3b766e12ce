"""What the original package offers in its module of this name."""

import logging
import threading
from typing import Any

from oaio_storage.errors import OaioError
from oaio_storage.file_transfer.handlers import offer_told
from oaio_storage.file_transfer.offers import checked_offer
from oaio_storage.file_transfer.site import site_at
from oaio_storage.file_transfer.utils import publication_of

_log = logging.getLogger(__name__)


def files_to_update(
    upload_dir: str, course_name: str, upload_file_type: str, manifest_client: object, data: dict[str, Any]
) -> dict[str, Any]:
    """Compare what a client offers with what is live, and begin a publication.

    Args:
        upload_dir: the place of the courses, a path or a URL.
        course_name: which.
        upload_file_type: what tells whether a version is newer; see ``whether_allow_renew``.
        manifest_client: what the client offers.
        data: what the client is going to be told.

    Returns:
        ``data`` with ``exist``, ``process_id``, ``files_new`` and ``files_update``.

    Raises:
        Superseded: it is not newer than what is live.
        InvalidManifest: it is no manifest.
        OaioError: the host is down.
    """
    site = site_at(upload_dir)
    offered = checked_offer(manifest_client, max_entries=site.limits.entries)
    data |= offer_told(site.offer(course_name, offered, upload_file_type))
    return data


def publish_files(
    upload_dir: str,
    course_name: str,
    file_type: str,  # noqa: ARG001 - the version was found to be newer when the publication began
    temp_course_dir: str,
    res_data: dict[str, Any],
) -> dict[str, Any]:
    """Let a publication become live, as a whole or not at all. A repeat is safe.

    Args:
        upload_dir: the place of the courses, a path or a URL.
        course_name: which.
        file_type: as in :func:`files_to_update`.
        temp_course_dir: of ``tempdir_path``.
        res_data: what the client is going to be told.

    Returns:
        ``res_data`` with ``msg``.

    Raises:
        OaioError: as ``Site.publish``.
    """
    site_at(upload_dir).publish(course_name, publication_of(temp_course_dir)[2])
    res_data["msg"] = "The course is successfully uploaded"
    return res_data


class Cleaning(threading.Thread):
    """Gives up publications that were idle, again and again, until it is stopped or the process ends.

    Attributes:
        place: of the courses.
        seconds: after which a publication is taken for given up, and between two looks.
    """

    def __init__(self, place: str, seconds: float) -> None:
        super().__init__(name="oaio-clean-up", daemon=True)
        self.place, self.seconds = place, seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look, again and again."""
        while not self._stopped.wait(self.seconds):
            try:
                site = site_at(self.place)
                for course in site.courses():
                    site.clean_up(course, self.seconds)
            except OaioError as err:  # for the next look
                _log.warning("a clean-up did not end: %s", err)
            except Exception:  # noqa: BLE001 - the thread has to go on
                _log.exception("a clean-up did not end")

    def stop(self) -> None:
        """Look no more. A repeat is safe."""
        self._stopped.set()


def start_cleanup(static_path: str, cleanup_time: float) -> Cleaning:
    """Give up publications that were idle for ``cleanup_time``, again and again, in a thread of its own.

    Nothing else is touched, whatever its name. It may run in every worker.

    Args:
        static_path: the place of the courses, a path or a URL.
        cleanup_time: seconds.

    Returns:
        The thread, which can be stopped; it ends with the process.
    """
    cleaning = Cleaning(str(static_path), cleanup_time)
    cleaning.start()
    return cleaning
