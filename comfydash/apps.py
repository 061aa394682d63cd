from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class ComfyDashConfig(AppConfig):
    name = "comfydash"

    def ready(self) -> None:
        from comfydash import checks  # noqa: F401  (registers itself)


class AdminConfig(DjangoAdminConfig):
    default_site = "comfydash.admin.DashboardAdmin"
