"""Settings of the Bugsink that judges the Issues: everything in one directory, and nothing leaves the machine."""

import os

from bugsink.settings.default import *  # noqa: F403

SECRET_KEY = "of a throw-away server that listens on loopback only"
TIME_ZONE = "UTC"
# Events are stored before the request is answered, without a worker beside the server.
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "USER_REGISTRATION": "CB_NOBODY",
    "PHONEHOME": False,
    # An event that Relay's schema refuses is not stored.
    "VALIDATE_ON_DIGEST": "strict",
    "INGEST_STORE_BASE_DIR": os.environ["INGEST_STORE_BASE_DIR"],
}
