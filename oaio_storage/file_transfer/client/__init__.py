"""Sending a folder to a web app that receives trees over HTTP: to ours, and to the original's.

:func:`send` does all of it. It is safe to repeat: what arrived is not sent again, and nothing becomes live
before all has arrived.
"""

from oaio_storage.file_transfer.client.sending import Sending, Sent, send

__all__ = ["Sending", "Sent", "send"]
