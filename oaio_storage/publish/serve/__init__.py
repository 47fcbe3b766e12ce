"""GET and HEAD of a published tree, without a framework: one generation for each answer, whatever changes.

:func:`answer` decides and opens, :class:`LiveTree` knows what is live, :func:`wsgi_app` puts both behind
any server of web apps.
"""

from oaio_storage.publish.serve.answering import Answer, answer
from oaio_storage.publish.serve.live import LiveTree
from oaio_storage.publish.serve.wsgi import wsgi_app

__all__ = ["Answer", "LiveTree", "answer", "wsgi_app"]
