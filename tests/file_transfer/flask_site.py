"""A site of Flask that receives and serves trees below ``/transfer``, configured by the environment."""

import os

import flask

from oaio_storage.file_transfer.flask import create_blueprint

application = flask.Flask(__name__)
application.config["JWT_ISSUER"] = os.environ.get("OAIO_JWT_ISSUER")
application.register_blueprint(
    create_blueprint(os.environ["OAIO_UPLOAD_DIR"], key=os.environ["OAIO_JWT_PUBLIC_KEY"]),
    url_prefix="/transfer",
)
