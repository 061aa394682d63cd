"""Settings of the stories: ComfyUI is looked at so often that nobody has to wait for it."""

from comfydash.settings import *  # noqa: F403

COMFYUI_PACE = 0.1
