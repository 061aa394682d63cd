"""Where and how ComfyDash runs, read top to bottom. Every variable is listed in README.md."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from django.utils.log import CallbackFilter

from comfydash import data_folders, env
from comfydash.filesystem import journal_mode
from comfydash.logfile import no_log_file
from comfydash.secret_key import read_or_create
from comfydash.static_version import static_version
from webclient.network_environment import adopt_certificates

env.strip_quotes()
adopt_certificates()

BASE_DIR = data_folders.BASE_DIR
VERSION = "0.1.0"

# --- Where things lie -------------------------------------------------------------------------------------------

WORKSPACE = data_folders.workspace()
DATA_DIR = data_folders.data_dir()
LOG_DIR = data_folders.log_dir()
MODELS_DIR = env.folder("COMFYDASH_MODELS_DIR", env.folder("MODEL_BASE_PATH", WORKSPACE / "models"))
EXTRA_MODEL_PATHS = (
    str(env.folder("COMFYDASH_EXTRA_MODEL_PATHS", Path())) if env.text("COMFYDASH_EXTRA_MODEL_PATHS") else ""
)
PRESETS_FILE = env.folder("COMFYDASH_PRESETS_FILE", WORKSPACE / "config" / "presets.yaml")
PRESETS_URL = env.web_address(
    "COMFYDASH_PRESETS_URL",
    "https://raw.githubusercontent.com/ZeroClue/ComfyUI-Docker/main/config/presets.yaml",
    query=True,
)
WORKFLOW_DIRS = [
    data_folders.at_home("COMFYDASH_WORKFLOW_DIRS", data_folders.unquoted(folder))
    for folder in env.words("COMFYDASH_WORKFLOW_DIRS", separator=":")
] or [WORKSPACE / "workflows"]

# --- Who may come in --------------------------------------------------------------------------------------------

# Every web and worker of one database has the same: it signs the sessions.
SECRET_KEY_GIVEN = env.secret_key("COMFYDASH_SECRET_KEY")
SECRET_KEY = SECRET_KEY_GIVEN or read_or_create(DATA_DIR / "secret_key")
DEBUG = False
AUTH_ON = env.flag("COMFYDASH_AUTH", default=True)
PASSWORD = env.text("COMFYDASH_PASSWORD")
API_KEY = env.text("COMFYDASH_API_KEY")

# "*" only here: comfydash.hosts lets through loopback names, IP literals (which DNS rebinding cannot use), this pod's
# own proxy name and what the owner lists, and its 400 page names the variable.
ALLOWED_HOSTS = ["*"]
EXTRA_ALLOWED_HOSTS = env.hosts("COMFYDASH_ALLOWED_HOSTS")
TRUSTED_ORIGINS = env.origins("COMFYDASH_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.networks("COMFYDASH_TRUSTED_PROXIES")  # whose X-Forwarded-For counts
RUNPOD_POD_ID = env.text("RUNPOD_POD_ID")

AUTHENTICATION_BACKENDS = ["settings_app.administrator.AdministratorBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_NAME = "comfydash_session"  # cookies ignore ports: ComfyUI beside us must not overwrite ours
CSRF_COOKIE_NAME = "comfydash_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# Behind a proxy that ends TLS the owner names the origins; only then may a header say "this was https".
if TRUSTED_ORIGINS or EXTRA_ALLOWED_HOSTS or RUNPOD_POD_ID:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = TRUSTED_ORIGINS
# Only TLS everywhere may set these: a pod is reached by its proxy and by its address alike.
TLS_ONLY = env.flag("COMFYDASH_TLS_ONLY", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = TLS_ONLY
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if TLS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = TLS_ONLY
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- The application --------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Not "daphne": it is for runserver, and would load Twisted into the worker and every command.
    "comfydash.apps.ComfyDashConfig",
    "comfydash.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "huey.contrib.djhuey",
    "activity",
    "derived",
    "settings_app",
    "comfyui",
    "downloads",
    "presets",
    "workflows",
    "library",
]
MIDDLEWARE = [
    "comfydash.health.HealthMiddleware",
    "comfydash.hosts.HostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "comfydash.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pads at random against BREACH; the first load is a quarter of its size
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "comfydash.middleware.ApiMethodMiddleware",
    "comfydash.middleware.AuthOffMiddleware",
    "comfydash.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "comfydash.actions.ActionMiddleware",
]
ROOT_URLCONF = "comfydash.urls"
ASGI_APPLICATION = "comfydash.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "comfydash.legible_pages.LegiblePages",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "comfydash.unindented_templates.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "comfydash.context.dashboard",
            ],
        },
    }
]
CSRF_FAILURE_VIEW = "comfydash.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
WORKFLOW_UPLOAD_MAX = 32 * 2**20  # bytes; the largest body that any route takes
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Data -------------------------------------------------------------------------------------------------------

DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.redis("REDIS_URL")
DATABASE_FILE = DATA_DIR / "dashboard.db"
QUEUE_FILE = DATA_DIR / "queue.db"
SQLITE_JOURNAL_MODE = journal_mode(DATA_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": env.database("DATABASE_URL")}
else:
    # IMMEDIATE takes the write lock at BEGIN: with the default, two processes that read before they write fail with
    # "database is locked" whatever the time-out.
    DATABASES = {
        "default": {
            "ENGINE": "comfydash.sqlite",
            "NAME": DATABASE_FILE,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": f"PRAGMA journal_mode={SQLITE_JOURNAL_MODE};"
                f"PRAGMA synchronous={'NORMAL' if SQLITE_JOURNAL_MODE == 'wal' else 'FULL'};",
            },
        }
    }

HUEY: dict[str, Any] = {
    "name": "comfydash",
    "immediate": False,
    "results": False,
    "consumer": {
        "workers": 2,  # one drains the queue for hours, the other keeps periodic tasks going
        "max_delay": 0.5,
        "graceful_signal": "TERM",
        "shutdown_timeout": 4,
    },
}
if REDIS_URL:
    HUEY |= {"huey_class": "downloads.worker.consumer.RedisWorkerHuey", "connection": {"url": REDIS_URL}}
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {
            "BACKEND": "comfydash.redis_channel_layer.RedisLayer",
            "CONFIG": {"url": REDIS_URL},
        }
    }
else:
    HUEY |= {
        "huey_class": "downloads.worker.consumer.SqliteWorkerHuey",
        "filename": str(QUEUE_FILE),
        "journal_mode": SQLITE_JOURNAL_MODE,
        "timeout": 20,
        "run_dir": env.text("COMFYDASH_RUN_DIR"),
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "comfydash.local_channel_layer.SocketChannelLayer",
            "CONFIG": {"data_dir": str(DATA_DIR), "run_dir": env.text("COMFYDASH_RUN_DIR")},
        }
    }

# --- The Hub, the disk, ComfyUI ---------------------------------------------------------------------------------
# What has a row in Settings too (connections, rate limit, disk, ComfyUI) is read in settings_app/preferences.py.

HF_ENDPOINT = env.web_address("HF_ENDPOINT", "https://huggingface.co")
HF_TOKEN = env.text("HF_TOKEN")
ALLOW_PRIVATE_HOSTS = env.flag("COMFYDASH_ALLOW_PRIVATE_HOSTS", default=False)
TRANSFER_RETRY_BASE = 5.0  # seconds; the first back-off, doubled each time
TRANSFER_STALL_SECONDS = 60.0
COMFYUI_PACE = 1.0  # every wait between two looks at ComfyUI, and of the panel that shows it, times this

# --- Static files, language, time -------------------------------------------------------------------------------

STATIC_URL = f"/static/{static_version(BASE_DIR)}/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Found in the apps' own folders: a git clone runs without a collectstatic step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = "^/static/"  # other files have another address
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- Log --------------------------------------------------------------------------------------------------------


def _is_not_about_health(record: logging.LogRecord) -> bool:
    return getattr(getattr(record, "request", None), "path", "") != "/healthz"


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    # A 503 of /healthz is an answer, not an event: somebody asks twice a minute.
    "filters": {"not_health": {"()": CallbackFilter, "callback": _is_not_about_health}},
    "formatters": {"line": {"()": "comfydash.logfile.Line"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["not_health"]},
        "daphne": {"level": "WARNING"},
        # Without a handler of its own Huey's command adds one that logs every task twice.
        "huey": {"level": "WARNING", "handlers": ["nowhere"]},
        "urllib3": {"level": "ERROR"},
    },
}
try:
    LOG_DIR.mkdir(parents=True, exist_ok=True)
except OSError as error:
    logging.getLogger(__name__).warning("%s", no_log_file(error))
else:
    LOGGING["handlers"]["file"] = {
        "class": "comfydash.logfile.RotatingFile",
        "filename": str(LOG_DIR / "comfydash.log"),
        "formatter": "line",
        "delay": True,
        "errors": "backslashreplace",  # a file may have a name that is no text
    }
    LOGGING["root"]["handlers"] = ["stderr", "file"]
