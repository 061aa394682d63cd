"""Settings of the test run: a workspace of its own, a fast password hasher, no environment of the machine."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

for _name in [name for name in os.environ if name.startswith(("COMFYDASH_", "HF_")) or name.endswith("_PROXY")]:
    del os.environ[_name]
os.environ["COMFYDASH_WORKSPACE"] = tempfile.mkdtemp(prefix="comfydash-test-")
atexit.register(shutil.rmtree, os.environ["COMFYDASH_WORKSPACE"], ignore_errors=True)

from comfydash.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOW_PRIVATE_HOSTS = True
TRANSFER_RETRY_BASE = 0.01
TEMP_WORKSPACE = Path(os.environ["COMFYDASH_WORKSPACE"])
# A real file: threads of a test share it as processes do, locks included.
DATABASES["default"]["TEST"] = {"NAME": TEMP_WORKSPACE / "test.db"}  # noqa: F405
